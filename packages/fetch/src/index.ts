export type { FetchRetryOptions, ResilientFetchOptions } from './options.ts';
export {
  type AnyFetch,
  type ResilientFetch,
  type ResilientFetchMembers,
  type ResilientInit,
  type ResilientStreamInit,
  type ResponseLike,
  resilientFetch,
} from './resilient-fetch.ts';
