export {
  type AsyncLocalDeadlines,
  type AsyncLocalDeadlinesOptions,
  asyncLocalDeadlines,
} from './async-local-deadlines.ts';
export {
  type Deadline,
  type DeadlineOptions,
  type DeadlineScope,
  DeadlineExceededError,
  TimeoutError,
  deadline,
  deadlineOf,
} from '@fournines/core';
export {
  type DeadlineGate,
  type DeadlineGateOptions,
  type DeadlineGateSnapshot,
  type ExpiredEvent,
  deadlineGate,
} from './deadline-gate.ts';
export {
  type DeadlineAcceptOptions,
  type DeadlineHeader,
  type DeadlineHeaderOptions,
  type DeadlineHeaderStyle,
  deadlineHeader,
} from './deadline-header.ts';
export type { LateEvent, SlowEvent, TimeoutEvent, TimeoutPolicyEvent } from './events.ts';
export type { HeadersLike, HeadersWithGet } from './internal/header-of.ts';
export type { TimeoutContext, TimeoutOptions } from './options.ts';
export { type TimeoutPolicy, timeout } from './timeout.ts';
export type { TimeoutSnapshot } from './timeout-snapshot.ts';
export { TIMEOUT_CONFIGS } from './timeout-configs.ts';
export { type TimeoutConfigs, type Timeouts, type TimeoutsOptions, timeouts } from './timeouts.ts';
