export { type Deadline, type DeadlineOptions, type DeadlineScope, deadline, deadlineOf } from '@fournines/core';
export { DeadlineExceededError, TimeoutError } from '@fournines/core';
export {
  type DurationContext,
  type LateEvent,
  type SlowEvent,
  type TimeoutContext,
  type TimeoutDuration,
  type TimeoutEvent,
  type TimeoutOptions,
  type TimeoutPolicy,
  type TimeoutSnapshot,
  timeout,
} from './timeout.ts';
