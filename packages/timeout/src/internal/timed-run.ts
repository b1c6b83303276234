import type { Deadline } from '@fournines/core';
import { type Attempt, type DeadlineNode, deadlineAt } from '@fournines/core/authoring';
import type { Timeout } from './timeout-base.ts';

/** The function runs, and time is left. */
export const RUNNING = 0;
/** Time is up, the function was told, and its end is waited for. */
export const TIME_UP = 1;
/** The outcome has gone outward. */
export const SETTLED = 2;

/** How a run left its time: made only when it does. */
export interface Overrun {
  /** Why: what the caller gets. */
  readonly error: unknown;
  /** When. */
  readonly at: number;
  /** What came first. */
  readonly after: 'timeout' | 'abort';
  /** Until when the function's own error is welcome. */
  readonly graceEndsAt: number;
  /** Whether the function was never started: then nothing can come late. */
  readonly neverStarted: boolean;
}

/**
 * One call under a timeout: its place in the queues, and what became of it. It waits in two queues
 * in turn: first until it is slow, then until its time is up. So a fast call is in and out of one
 * queue, and to tell slow calls from others costs it no look at the clock.
 */
export class TimedRun implements DeadlineNode {
  readonly #policy: Timeout;
  readonly attempt: Attempt;
  readonly index: number;
  readonly durationMs: number;
  /** When its time is up. */
  readonly endsAt: number;
  /** When the queue that it is in shall wake it. */
  expiresAt: number;
  state: typeof RUNNING | typeof TIME_UP | typeof SETTLED = RUNNING;
  isSlow = false;
  overrun: Overrun | undefined = undefined;
  callerStack: string | undefined = undefined;
  queueNext: DeadlineNode | undefined = undefined;
  queuePrevious: DeadlineNode | undefined = undefined;
  #deadline: Deadline | undefined = undefined;

  constructor(policy: Timeout, attempt: Attempt, index: number, now: number, durationMs: number) {
    this.#policy = policy;
    this.attempt = attempt;
    this.index = index;
    this.durationMs = durationMs;
    this.endsAt = now + durationMs;
    this.expiresAt = this.endsAt;
  }

  /** Milliseconds from its start until `now`. */
  elapsed(now: number): number {
    return this.durationMs === Infinity ? 0 : now - (this.endsAt - this.durationMs);
  }

  /** The deadline that this timeout sets. */
  get deadline(): Deadline {
    return (this.#deadline ??= deadlineAt(this.endsAt, this.#policy.clock));
  }

  expire(): void {
    this.#policy.wake(this);
  }
}
