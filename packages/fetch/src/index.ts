export type { AnyFetch, ResilientInit, ResilientStreamInit, ResponseLike } from './any-fetch.ts';
export type { FetchRetryOptions, ResilientFetchOptions } from './options.ts';
export {
  type ResilientFetch,
  type ResilientFetchMembers,
  resilientFetch,
} from './resilient-fetch.ts';
