export type { CallContext, CallOptions } from './call-options.ts';
export { type Clock, type Timer, systemClock } from './clock.ts';
export { type Component, type ComponentEvent, type Snapshot, worstStatus } from './component.ts';
export { type Composed, compose } from './compose.ts';
export {
  type Deadline,
  type DeadlineOptions,
  type DeadlineScope,
  deadline,
  deadlineOf,
} from './deadline.ts';
export { type PolicyStages, definePolicy } from './define-policy.ts';
export {
  type BrokenCircuitDetails,
  BrokenCircuitError,
  DeadlineExceededError,
  type LimitRejectedDetails,
  LimitRejectedError,
  type PolicyError,
  type PolicyErrorFields,
  TimeoutError,
  isResilienceError,
} from './errors.ts';
export type { Event } from './event.ts';
export {
  type FallbackEvent,
  type FallbackOptions,
  type FallbackPolicy,
  type FallbackSnapshot,
  fallback,
} from './fallback.ts';
export type { CommonOptions } from './internal/staged-policy.ts';
export type { OutcomeFilter } from './outcome-filter.ts';
export type { Permit, Rejection } from './permit.ts';
export type { AnyPolicy, ContextOf, MergedContext, Policy } from './policy.ts';
export { type StreamOptions, stream } from './stream.ts';
