export {
  type Deadline,
  type DeadlineOptions,
  type DeadlineScope,
  DeadlineExceededError,
  TimeoutError,
  deadline,
  deadlineOf,
} from '@fournines/core';
export type { LateEvent, SlowEvent, TimeoutEvent, TimeoutPolicyEvent } from './events.ts';
export type { TimeoutContext, TimeoutOptions } from './options.ts';
export { type TimeoutPolicy, type TimeoutSnapshot, timeout } from './timeout.ts';
