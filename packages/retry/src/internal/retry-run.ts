import type { Timer } from '@fournines/core';
import type { Attempt } from '@fournines/core/authoring';
import type { BackoffContext, BackoffStep } from '../backoff.ts';
import type { GiveUpReason } from '../retry-policy.ts';
import { rememberInfo } from '../retry-info.ts';

/** How many of a call's errors are kept: a call without end of attempts stays small. */
const ERRORS_KEPT = 10;

/** What an attempt came to that did not go well. */
export type Failure =
  | { readonly isValue: false; readonly error: unknown }
  | { readonly isValue: true; readonly value: unknown };

/**
 * The slow path of one call, from its first failure on. `running`: an attempt is under way.
 * `deciding`: the user's asynchronous `shouldRetry` is. `waiting`: the backoff is. `over`: it has
 * settled, whatever still arrives.
 */
export class RetryRun {
  readonly attempt: Attempt;
  readonly index: number;
  state: 'running' | 'deciding' | 'waiting' | 'over' = 'running';
  /** Which attempt is under way or was last, counted from 0. */
  number = 0;
  /** Whether the attempt is just being started, further up the stack. The first one may be. */
  isStarting = true;
  totalDelayMs = 0;
  /** Where the backoff stands; undefined: at its beginning. */
  step: BackoffStep | undefined = undefined;
  timer: Timer | undefined = undefined;
  #errors: unknown[] | undefined = undefined;

  constructor(attempt: Attempt, index: number) {
    this.attempt = attempt;
    this.index = index;
  }

  /** Whether the caller, or a policy further out, has aborted the call. */
  get isAborted(): boolean {
    return this.attempt.isAborted(this.index);
  }

  /** Keeps an error that was not the call's last. */
  keepError(error: unknown): void {
    this.#errors ??= [];
    if (this.#errors.length === ERRORS_KEPT - 1) this.#errors.shift();
    this.#errors.push(error);
  }

  /** Writes down, for `retryInfo`, what led to the error that ends the call. */
  end(error: unknown, reason: GiveUpReason, retryAfterMs: number | undefined): void {
    this.state = 'over';
    const former = this.#errors ?? [];
    rememberInfo(error, {
      attempts: this.number + 1,
      errors: reason === 'aborted' && former.length > this.number ? former : [...former, error],
      totalDelayMs: this.totalDelayMs,
      reason,
      ...(retryAfterMs === undefined ? undefined : { retryAfterMs }),
    });
  }
}

/** What a backoff is told. The signal is made when it is read: most backoffs never do. */
export class RetryBackoffContext implements BackoffContext {
  readonly attempt: number;
  readonly result: BackoffContext['result'];
  readonly random: () => number;
  readonly #call: Attempt;

  constructor(run: RetryRun, failure: Failure, random: () => number) {
    this.attempt = run.number + 1;
    this.result = failure.isValue ? { value: failure.value } : { error: failure.error };
    this.random = random;
    this.#call = run.attempt;
  }

  get signal(): AbortSignal {
    return this.#call.signal;
  }
}
