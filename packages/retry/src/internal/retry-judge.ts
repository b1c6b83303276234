import type { CallOptions } from '@fournines/core';
import { type Attempt, reportOnce } from '@fournines/core/authoring';
import type { Classification } from '@fournines/error-classification';
import type { Backoff } from '../backoff.ts';
import type { RetryRules } from '../retry-options.ts';
import type { GiveUpReason } from '../retry-policy.ts';
import { breakerRefusal } from './breaker-refusal.ts';
import { askedDelay, classifySafely } from './classify-safely.ts';
import { type DelaySource, objection, spreadDelay } from './delay-plan.ts';
import { ask } from './refuse-promise.ts';
import { ExponentialBackoff } from './exponential-backoff.ts';
import { RetryBackoffContext } from './retry-backoff-context.ts';
import type { RetryRun } from './retry-run.ts';
import { isUsedBody } from './used-body.ts';

/** The wait when a backoff throws or returns no usable delay. */
const SAFE_DELAY_MS = 30_000;

/** A breaker that refuses is not asked again sooner: no attempt is burnt, so that nothing else bounds the loop but the deadline. */
const SHORTEST_REFUSAL_MS = 10;

/** A reason not to retry, or none; a promise of it where the user's `shouldRetry` returned one. */
export type Verdict = GiveUpReason | undefined | Promise<GiveUpReason | undefined>;

/**
 * Decides what becomes of an attempt that did not go well, before anything is waited for: whether
 * it is retried at all, and after how long.
 */
export class RetryJudge {
  readonly #rules: RetryRules;

  constructor(rules: RetryRules) {
    this.#rules = rules;
  }

  /** `unknown`: the user's function threw, or answered with a promise, so it is a failure that is not retried. */
  isFailure(value: unknown): boolean | 'unknown' {
    const { isFailure, handle } = this.#rules;
    const judge = isFailure ?? handle?.resultFilter;
    if (judge === undefined) return false;
    try {
      return ask(judge, value);
    } catch (thrown) {
      reportOnce(judge, handle === undefined ? 'retry: isFailure' : 'retry: handle', thrown);
      return 'unknown';
    }
  }

  /** The reason why a value that is a failure is not retried, if there is one. */
  ofValue(run: RetryRun, isFailure: true | 'unknown'): GiveUpReason | undefined {
    if (run.isAborted) return 'aborted';
    if (isFailure === 'unknown') return 'not-retryable';
    if (this.#rules.handle !== undefined) return undefined;
    try {
      return this.#isIdempotent(run.attempt.call) ? undefined : 'not-idempotent';
    } catch (thrown) {
      return this.#unreadable(thrown);
    }
  }

  /** The reason why an error as such is not retried, if there is one. Never throws. */
  ofError(run: RetryRun, via: Attempt): Verdict {
    try {
      return this.#ofError(run, this.#read(run, via));
    } catch (thrown) {
      return this.#unreadable(thrown);
    }
  }

  /** What the error means, and who asks for how much patience: into `run`. */
  #read(run: RetryRun, via: Attempt): Classification {
    const classification = classifySafely('retry', this.#rules.classify, run.outcome);
    run.classification = classification;
    const openFor = breakerRefusal(classification.error);
    run.isOpen = openFor !== undefined;
    run.isRefused = run.isOpen && via.isWaiting;
    run.retryAfterMs = openFor ?? askedDelay(classification);
    return classification;
  }

  #ofError(run: RetryRun, classification: Classification): Verdict {
    const { handle, shouldRetry } = this.#rules;
    const error = run.outcome;
    if (handle !== undefined) {
      try {
        return reasonOf(ask(handle.errorFilter, error));
      } catch (thrown) {
        reportOnce(handle.errorFilter, 'retry: handle', thrown);
        return 'not-retryable';
      }
    }
    const idempotent = this.#isIdempotent(run.attempt.call);
    if (shouldRetry !== undefined) {
      try {
        const { number: attempt } = run;
        const { call } = run.attempt;
        const wish = shouldRetry(error, { attempt, classification, idempotent, call });
        return typeof wish === 'boolean' ? reasonOf(wish) : wishOf(shouldRetry, wish);
      } catch (thrown) {
        reportOnce(shouldRetry, 'retry: shouldRetry', thrown);
        return 'not-retryable';
      }
    }
    if (classification.retryable === 'no') return 'not-retryable';
    return classification.retryable === 'yes' || idempotent ? undefined : 'not-idempotent';
  }

  /** Looks at what is left to look at, last of all at the budget: either there is a reason to give up, or a delay in `run`. Never throws. */
  plan(run: RetryRun): GiveUpReason | undefined {
    try {
      return this.#plan(run);
    } catch (thrown) {
      return this.#unreadable(thrown);
    }
  }

  #plan(run: RetryRun): GiveUpReason | undefined {
    const rules = this.#rules;
    if (!isRepeatable(run)) return 'consumed';
    if (run.attempts >= rules.maxAttempts || rules.maxAttempts === 1) return 'attempts';

    const room = (remainingMs(run.attempt, run.index) ?? Infinity) - rules.minAttemptTime;
    const source = sourceOf(run);
    let delayMs = run.retryAfterMs ?? 0;
    // A breaker that probes at once says 0: its clients come back by their own backoff.
    if (source === 'backoff' || delayMs === 0) delayMs = this.#backOff(run, source);
    else run.resetBackoff();
    if (run.isOpen) delayMs = Math.max(delayMs, SHORTEST_REFUSAL_MS);
    const reason = objection(source, delayMs, room, rules);
    if (reason !== undefined) return reason;
    run.delayMs = source === 'backoff' ? delayMs : spreadDelay(delayMs, room, this.#chance);
    // The first attempt is everybody's right, and was refused.
    if (rules.budget === undefined || run.attempts === 0) return undefined;
    run.isPaid = rules.budget.tryWithdraw();
    return run.isPaid ? undefined : 'budget';
  }

  /** Whether the deadline leaves too little time to start an attempt now. */
  isTooLate(attempt: Attempt, index: number): boolean {
    const left = remainingMs(attempt, index);
    return left !== undefined && (left < this.#rules.minAttemptTime || left === 0);
  }

  /** The policy's own delay. A server that asks for none gets its retry at once. */
  #backOff(run: RetryRun, source: DelaySource): number {
    if (source === 'server') return 0;
    const { backoff, random } = this.#rules;
    try {
      const duration = nextDelay(backoff, run, random);
      if (typeof duration === 'number' && duration >= 0 && duration < Infinity) return duration;
      throw new RangeError(
        `its duration must be a number >= 0 and finite, got ${String(duration)}`,
      );
    } catch (thrown) {
      reportOnce(backoff, 'retry: backoff', thrown);
      return SAFE_DELAY_MS;
    }
  }

  readonly #chance = (): number => {
    const { random } = this.#rules;
    try {
      return random();
    } catch (thrown) {
      reportOnce(random, 'retry: random', thrown);
      return 0;
    }
  };

  /** An error, a classification or the options of a call threw when they were read: what it is cannot be told. */
  #unreadable(thrown: unknown): GiveUpReason {
    reportOnce(this.#rules, 'retry: an error that it read', thrown);
    return 'not-retryable';
  }

  #isIdempotent(call: CallOptions | undefined): boolean {
    return call?.idempotent ?? this.#rules.idempotent;
  }
}

/** Ours makes a delay without objects for a context and a step. */
function nextDelay(backoff: Backoff, run: RetryRun, random: () => number): unknown {
  if (backoff instanceof ExponentialBackoff) {
    run.lastDelayMs = backoff.delayOf(run.steps, run.lastDelayMs, random);
    run.steps += 1;
    return run.lastDelayMs;
  }
  run.step = (run.step ?? backoff).next(new RetryBackoffContext(run, random));
  return run.step.duration;
}

function remainingMs(attempt: Attempt, index: number): number | undefined {
  return attempt.deadlineOutside(index)?.remainingMs;
}

function reasonOf(wish: unknown): GiveUpReason | undefined {
  return wish === true ? undefined : 'not-retryable';
}

async function wishOf(
  shouldRetry: object,
  wish: PromiseLike<boolean>,
): Promise<GiveUpReason | undefined> {
  try {
    return reasonOf(await wish);
  } catch (thrown) {
    reportOnce(shouldRetry, 'retry: shouldRetry', thrown);
    return 'not-retryable';
  }
}

function sourceOf(run: RetryRun): DelaySource {
  if (run.isOpen) return 'breaker';
  return run.retryAfterMs === undefined ? 'backoff' : 'server';
}

function isRepeatable(run: RetryRun): boolean {
  return run.attempt.isRepeatable && (run.isValue || !isUsedBody(run.outcome));
}
