import type { ComponentEvent, PolicyError } from '@fournines/core';

/** A call's time was up, or it had none left when it came in. */
export interface TimeoutEvent extends ComponentEvent {
  readonly type: 'timeout';
  /** What the caller gets: a `TimeoutError`, or a `DeadlineExceededError` for a call that never started. */
  readonly error: PolicyError;
  /** The timeout, in milliseconds; 0 for a call that had no time left when it came. */
  readonly durationMs: number;
}

/** A call ended in time, well or not, but took longer than `slowRatio` of it: a near miss. */
export interface SlowEvent extends ComponentEvent {
  readonly type: 'slow';
  /** How long the call took, in milliseconds. */
  readonly elapsedMs: number;
  /** The timeout, in milliseconds. */
  readonly durationMs: number;
}

/** Work that the caller no longer waited for has ended after all. */
export interface LateEvent extends ComponentEvent {
  readonly type: 'late';
  /** Whether it went well: a late success has taken effect, though the caller saw a failure. */
  readonly ok: boolean;
  /** What it failed with, when it failed. */
  readonly error?: unknown;
  /** How long the work took in all, in milliseconds. */
  readonly elapsedMs: number;
  /** The timeout, in milliseconds. */
  readonly durationMs: number;
}

/** Every event of a timeout. */
export type TimeoutPolicyEvent = TimeoutEvent | SlowEvent | LateEvent;
