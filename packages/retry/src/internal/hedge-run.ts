import type { Attempt, DeadlineBucket, DeadlineNode } from '@fournines/core/authoring';

/** One hedged call: the first attempt (the primary) and those that run beside it. */
export class HedgeRun implements DeadlineNode {
  readonly attempt: Attempt;
  readonly index: number;
  readonly startedAt: number;
  /** When the next hedge starts. */
  expiresAt = 0;
  queueNext: DeadlineNode | undefined = undefined;
  queuePrevious: DeadlineNode | undefined = undefined;
  queueBucket: DeadlineBucket | undefined = undefined;
  /** How long to wait for each hedge, in milliseconds. */
  readonly delayMs: number;
  /** How many hedges were started. */
  hedges = 0;
  /** How many attempts are under way, the primary included. */
  live = 1;
  isPrimaryLive = true;
  primaryError: unknown = undefined;
  /** Whether further attempts may start: not after a breaker's or a limiter's refusal. */
  isHedgeable = true;
  /** Whether the call has its outcome. */
  isOver = false;
  /** The hedges that were started, once there is one. */
  repetitions: Attempt[] | undefined = undefined;
  readonly #onDelay: (run: HedgeRun) => void;

  constructor(
    attempt: Attempt,
    index: number,
    startedAt: number,
    delayMs: number,
    onDelay: (run: HedgeRun) => void,
  ) {
    this.attempt = attempt;
    this.index = index;
    this.startedAt = startedAt;
    this.delayMs = delayMs;
    this.#onDelay = onDelay;
  }

  expire(): void {
    this.attempt.inContext(() => this.#onDelay(this));
  }
}
