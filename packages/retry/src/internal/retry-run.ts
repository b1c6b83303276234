import type {
  Attempt,
  DeadlineBucket,
  DeadlineNode,
  DeadlineQueue,
} from '@fournines/core/authoring';
import type { Classification } from '@fournines/error-classification';
import type { BackoffStep } from '../backoff.ts';
import { rememberInfo } from '../retry-info.ts';
import type { GiveUpReason } from '../retry-policy.ts';

/** How many of a call's errors are kept: a call without end of attempts stays small. */
const ERRORS_KEPT = 10;

/** Who is told that a wait is over. */
export interface RunOwner {
  waited(run: RetryRun): void;
}

/**
 * The slow path of one call, from its first failure on. `running`: an attempt is under way.
 * `deciding`: the user's asynchronous `shouldRetry` is. `waiting`: the backoff is. `over`: it has
 * settled, whatever still arrives.
 */
export class RetryRun implements DeadlineNode {
  readonly #owner: RunOwner;
  readonly attempt: Attempt;
  readonly index: number;
  state: 'running' | 'deciding' | 'waiting' | 'over' = 'running';
  /** Which attempt is under way or was last, counted from 0. */
  number = 0;
  /** Whether the attempt is just being started, further up the stack. The first one may be. */
  isStarting = true;
  /** Whether the last attempt came to a value that is a failure, not to an error. */
  isValue = false;
  /** That value, or that error. */
  outcome: unknown = undefined;
  /** What the error means; undefined for a value. */
  classification: Classification | undefined = undefined;
  /** How long the server or the breaker asked to wait, in milliseconds, where it did. */
  retryAfterMs: number | undefined = undefined;
  /** Whether it is the refusal of an open breaker … */
  isOpen = false;
  /** … that stands further in, so that the function was never started. */
  isRefused = false;
  /** Whether the attempt that is to come, or under way, was taken out of the budget. */
  isPaid = false;
  /** How long to wait before the next attempt, in milliseconds. */
  delayMs = 0;
  totalDelayMs = 0;
  /** Where a backoff that is not ours stands; undefined: at its beginning. */
  step: BackoffStep | undefined = undefined;
  /** Where ours stands: how many steps it has made, and the delay of the last. */
  steps = 0;
  lastDelayMs: number | undefined = undefined;
  /** When the wait is over. */
  expiresAt = 0;
  queueNext: DeadlineNode | undefined = undefined;
  queuePrevious: DeadlineNode | undefined = undefined;
  queueBucket: DeadlineBucket | undefined = undefined;
  #errors: unknown[] | undefined = undefined;

  constructor(owner: RunOwner, attempt: Attempt, index: number) {
    this.#owner = owner;
    this.attempt = attempt;
    this.index = index;
  }

  waitIn(queue: DeadlineQueue, until: number): void {
    this.expiresAt = until;
    queue.add(this);
  }

  /** Called by the queue: the wait is over. */
  expire(): void {
    this.#owner.waited(this);
  }

  /** Whether the caller, or a policy further out, has aborted the call. */
  get isAborted(): boolean {
    return this.attempt.isAborted(this.index);
  }

  /** How many attempts have come to something. One that an open breaker refused is none: it is made again. */
  get attempts(): number {
    return this.isRefused ? this.number : this.number + 1;
  }

  /** What the last attempt failed with; undefined when it was a value. */
  get error(): unknown {
    return this.isValue ? undefined : this.outcome;
  }

  /** Takes what an attempt came to that did not go well. */
  fail(isValue: boolean, outcome: unknown): void {
    this.isValue = isValue;
    this.outcome = outcome;
    this.classification = undefined;
    this.retryAfterMs = undefined;
    this.isOpen = false;
    this.isRefused = false;
  }

  /** Lets the backoff begin anew. */
  resetBackoff(): void {
    this.step = undefined;
    this.steps = 0;
    this.lastDelayMs = undefined;
  }

  /** Keeps the error, which is not the call's last, nor a breaker's refusal. */
  keepError(): void {
    if (this.isValue || this.isRefused) return;
    this.#errors ??= [];
    if (this.#errors.length === ERRORS_KEPT - 1) this.#errors.shift();
    this.#errors.push(this.outcome);
  }

  /** Carries on outward what was held while an asynchronous `shouldRetry` decided. */
  release(): void {
    if (this.isValue) this.attempt.succeed(this.index, this.outcome);
    else this.attempt.fail(this.index, this.outcome);
  }

  /** Writes down, for `retryInfo`, what led to the error that ends the call: the last attempt's own, or an abort's. */
  end(error: unknown, isOwn: boolean, reason: GiveUpReason): void {
    this.state = 'over';
    const former = this.#errors ?? [];
    const { attempts, totalDelayMs, retryAfterMs } = this;
    rememberInfo(error, {
      attempts,
      errors: isOwn ? [...former, error] : former,
      totalDelayMs,
      reason,
      ...(retryAfterMs === undefined ? undefined : { retryAfterMs }),
    });
  }
}
