/**
 * What the policies of Fournines are made of, for those who write one that does more than
 * `definePolicy` offers: repeat, delay, answer early.
 *
 * @packageDocumentation
 */
export {
  type NumberRule,
  checkBoolean,
  checkClock,
  checkFunction,
  checkName,
  checkNumber,
  checkOneOf,
  checkOptions,
} from './check.ts';
export { isSystemTime } from './clock.ts';
export { carryDeadline, deadlineAt } from './deadline.ts';
export type { Attempt } from './internal/attempt.ts';
export { isAbortError } from './internal/abort-error.ts';
export { withoutStack } from './internal/cheap-error.ts';
export { coarseNow } from './internal/coarse-clock.ts';
export { ComponentEvents } from './internal/component-events.ts';
export type { DeadlineBucket } from './internal/deadline-heap.ts';
export { type DeadlineNode, DeadlineQueue } from './internal/deadline-queue.ts';
export { disposeResult } from './internal/dispose-result.ts';
export { nextName } from './internal/names.ts';
export { parentSignal } from './internal/parent-signal.ts';
export { refusalCode } from './internal/refusal-code.ts';
export { rejectSoon } from './internal/reject-soon.ts';
export { reportOnce } from './internal/report-once.ts';
export { RequestWindow } from './internal/request-window.ts';
export { startingAttempts } from './internal/run.ts';
export {
  type Failure,
  HELD,
  type Outcome,
  PARKED,
  REFUSED,
  type Stage,
  type Success,
} from './internal/stage.ts';
export { StagedPolicy } from './internal/staged-policy.ts';
export { checkOutcomeFilter } from './outcome-filter.ts';
