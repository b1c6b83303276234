import type { CallOptions, Event } from '@fournines/core';
import {
  type Attempt,
  ComponentEvents,
  HELD,
  StagedPolicy,
  disposeResult,
  reportOnce,
} from '@fournines/core/authoring';
import type { Classification } from '@fournines/error-classification';
import { askedDelay, classifySafely } from './internal/classify-safely.ts';
import { breakerRefusal } from './internal/breaker-refusal.ts';
import { BudgetFeed } from './internal/budget-feed.ts';
import { type DelaySource, objection, spreadDelay } from './internal/delay-plan.ts';
import { type Failure, RetryBackoffContext, RetryRun } from './internal/retry-run.ts';
import { isUsedBody } from './internal/used-body.ts';
import { type RetryOptions, type RetryRules, checkRetryOptions } from './retry-options.ts';
import type {
  GiveUpEvent,
  GiveUpReason,
  RetryContext,
  RetryEvent,
  RetryPolicy,
  RetrySnapshot,
} from './retry-policy.ts';

/** The wait when a backoff throws or returns no usable delay. */
const SAFE_DELAY_MS = 30_000;

const RESOLVED = Promise.resolve();

/**
 * Tries again when another try is known to be safe and may help, and otherwise gives the last
 * error up at once, by identity. Decides before it waits: aborted, not retryable or not
 * idempotent, attempts, deadline, the server's delay, an open breaker, the budget.
 *
 * A timeout, a lost connection or a 500 leaves open whether the try took effect: such a call is
 * repeated only when it, or this policy, is `idempotent: true`.
 *
 * @throws TypeError or RangeError when an option is out of its bounds or unknown.
 */
export function retry(options: RetryOptions = {}): RetryPolicy {
  return new Retry(options, checkRetryOptions(options));
}

/** How it works: a good call only counts; the loop is a record that the first failure makes. */
class Retry extends StagedPolicy<RetryContext, RetrySnapshot> implements RetryPolicy {
  readonly repeats = true;
  readonly observesSuccess: boolean;
  readonly watchesCaller = false;
  readonly #rules: RetryRules;
  readonly #events: ComponentEvents<RetryEvent | GiveUpEvent> = new ComponentEvents<
    RetryEvent | GiveUpEvent
  >(this, ['retry', 'give-up']);
  readonly #feed: BudgetFeed | undefined;
  #calls = 0;
  #retries = 0;
  #recovered = 0;
  readonly #gaveUp: Record<GiveUpReason, number> = {
    aborted: 0,
    'not-retryable': 0,
    'not-idempotent': 0,
    consumed: 0,
    attempts: 0,
    deadline: 0,
    'server-delay': 0,
    breaker: 0,
    budget: 0,
  };

  readonly onEvent: Event<RetryEvent | GiveUpEvent> = this.#events.onEvent;
  readonly onRetry: Event<RetryEvent> = this.#events.of('retry');
  readonly onGiveUp: Event<GiveUpEvent> = this.#events.of('give-up');

  constructor(options: RetryOptions, rules: RetryRules) {
    super('retry', options);
    this.#rules = rules;
    this.#feed = rules.budget === undefined ? undefined : new BudgetFeed(rules.budget);
    this.observesSuccess = rules.isFailure !== undefined || rules.handle !== undefined;
  }

  snapshot(): RetrySnapshot {
    const { budget } = this.#rules;
    return {
      status: 'up',
      counts: {
        calls: this.#calls,
        attempts: this.#calls + this.#retries,
        retries: this.#retries,
        recovered: this.#recovered,
        gaveUp: { ...this.#gaveUp },
      },
      gauges: budget === undefined ? {} : { budget: budget.balance },
    };
  }

  /** Which budget this stage feeds: a stage further in that shares it does not feed it again. */
  get budget(): RetryRules['budget'] {
    return this.#rules.budget;
  }

  enter(attempt: Attempt, index: number): undefined {
    this.#calls += 1;
    attempt.number = 0;
    this.#feed?.deposit(attempt, index);
  }

  success(
    value: unknown,
    token: unknown,
    attempt: Attempt,
    index: number,
  ): undefined | typeof HELD {
    const former = token as RetryRun | undefined;
    const verdict = this.observesSuccess ? this.#isFailure(value) : false;
    if (verdict === false) {
      if (former !== undefined) {
        former.state = 'over';
        this.#recovered += 1;
      }
      return undefined;
    }
    const run = former ?? this.#startRun(attempt, index);
    const failure: Failure = { isValue: true, value };
    let reason: GiveUpReason | undefined;
    if (run.isAborted) reason = 'aborted';
    else if (verdict === 'unknown') reason = 'not-retryable';
    else if (this.#rules.handle === undefined && !this.#isIdempotent(attempt.call)) {
      reason = 'not-idempotent';
    }
    return this.#goOn(run, failure, undefined, reason) ? HELD : undefined;
  }

  failure(
    error: unknown,
    token: unknown,
    attempt: Attempt,
    index: number,
  ): undefined | typeof HELD {
    const run = (token as RetryRun | undefined) ?? this.#startRun(attempt, index);
    const failure: Failure = { isValue: false, error };
    if (run.isAborted) {
      this.#giveUp(run, failure, 'aborted', undefined);
      return undefined;
    }
    const classification = this.#classify(error);
    const verdict = this.#judge(run, error, classification);
    if (verdict instanceof Promise) {
      this.#await(run, failure, classification, verdict);
      return HELD;
    }
    return this.#goOn(run, failure, classification, verdict) ? HELD : undefined;
  }

  /** The caller's abort, or that of a policy further out: a wait ends at once. */
  abort(reason: unknown, token: unknown): void {
    const run = token as RetryRun | undefined;
    if (run?.state === 'waiting' || run?.state === 'deciding') this.#abandon(run, reason);
  }

  #startRun(attempt: Attempt, index: number): RetryRun {
    const run = new RetryRun(attempt, index);
    attempt.setToken(index, run);
    return run;
  }

  #isIdempotent(call: CallOptions | undefined): boolean {
    return call?.idempotent ?? this.#rules.idempotent;
  }

  /** `unknown`: the user's function threw, so it is a failure that is not retried. */
  #isFailure(value: unknown): boolean | 'unknown' {
    const { isFailure, handle } = this.#rules;
    const judge = isFailure ?? handle?.resultFilter;
    if (judge === undefined) return false;
    try {
      return judge(value) === true;
    } catch (thrown) {
      reportOnce(judge, handle === undefined ? 'retry: isFailure' : 'retry: handle', thrown);
      return 'unknown';
    }
  }

  #classify(error: unknown): Classification {
    return classifySafely('retry', this.#rules.classify, error);
  }

  /** The reason why an error as such is not retried, if there is one. */
  #judge(
    run: RetryRun,
    error: unknown,
    classification: Classification,
  ): GiveUpReason | undefined | Promise<GiveUpReason | undefined> {
    const { handle, shouldRetry } = this.#rules;
    if (handle !== undefined) {
      try {
        return handle.errorFilter(error) === true ? undefined : 'not-retryable';
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
        return typeof wish === 'boolean' ? reasonOf(wish) : this.#wishOf(shouldRetry, wish);
      } catch (thrown) {
        reportOnce(shouldRetry, 'retry: shouldRetry', thrown);
        return 'not-retryable';
      }
    }
    if (classification.retryable === 'no') return 'not-retryable';
    return classification.retryable === 'yes' || idempotent ? undefined : 'not-idempotent';
  }

  async #wishOf(
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

  #await(
    run: RetryRun,
    failure: Failure,
    classification: Classification,
    verdict: Promise<GiveUpReason | undefined>,
  ): void {
    run.state = 'deciding';
    run.attempt.watchCaller();
    void verdict.then((reason) => {
      if (run.state !== 'deciding') return;
      run.state = 'running';
      if (!this.#goOn(run, failure, classification, reason)) settle(run, failure);
    });
  }

  /** Plans the next attempt. Returns whether there will be one; otherwise it has been given up. */
  #goOn(
    run: RetryRun,
    failure: Failure,
    classification: Classification | undefined,
    refused: GiveUpReason | undefined,
  ): boolean {
    const rules = this.#rules;
    let reason = refused;
    if (reason === undefined && !isRepeatable(run, failure)) reason = 'consumed';
    if (reason === undefined && run.number + 1 >= rules.maxAttempts) reason = 'attempts';

    const openFor = classification === undefined ? undefined : breakerRefusal(classification.error);
    const asked = openFor ?? askedDelay(classification);
    if (reason !== undefined) {
      this.#giveUp(run, failure, reason, asked);
      return false;
    }

    const bounds = {
      remainingMs: run.attempt.deadlineOutside(run.index)?.remainingMs,
      minAttemptTime: rules.minAttemptTime,
      maxServerDelay: rules.maxServerDelay,
    };
    const source = sourceOf(openFor, asked);
    let delayMs = asked ?? 0;
    // A breaker that probes at once says 0: its clients come back by their own backoff.
    if (source === 'backoff' || delayMs === 0) delayMs = this.#backOff(run, failure, source);
    else run.step = undefined;
    reason = objection(source, delayMs, bounds);
    if (reason === undefined && rules.budget?.tryWithdraw() === false) reason = 'budget';
    if (reason !== undefined) {
      this.#giveUp(run, failure, reason, asked);
      return false;
    }
    if (source !== 'backoff') delayMs = spreadDelay(delayMs, bounds, rules.random);
    this.#wait(run, failure, classification, delayMs);
    return true;
  }

  /** The policy's own delay. A server that asks for none gets its retry at once. */
  #backOff(run: RetryRun, failure: Failure, source: DelaySource): number {
    if (source === 'server') return 0;
    const { backoff, random } = this.#rules;
    try {
      const context = new RetryBackoffContext(run, failure, random);
      const step = (run.step ?? backoff).next(context);
      run.step = step;
      const { duration } = step;
      if (typeof duration === 'number' && duration >= 0 && duration < Infinity) return duration;
      throw new RangeError(
        `its duration must be a number >= 0 and finite, got ${String(duration)}`,
      );
    } catch (thrown) {
      reportOnce(backoff, 'retry: backoff', thrown);
      return SAFE_DELAY_MS;
    }
  }

  #wait(
    run: RetryRun,
    failure: Failure,
    classification: Classification | undefined,
    delayMs: number,
  ): void {
    run.state = 'waiting';
    run.totalDelayMs += delayMs;
    if (failure.isValue) disposeResult(failure.value);
    else run.keepError(failure.error);
    if (delayMs > 0) run.attempt.watchCaller();
    if (this.#events.wants('retry')) {
      this.#events.emit({
        type: 'retry',
        at: this.clock.now(),
        attempt: run.number,
        delayMs,
        error: failure.isValue ? undefined : failure.error,
        classification,
      });
    }
    if (delayMs === 0) {
      // One that throws synchronously would pile up the stack; others go on without a detour.
      if (run.isStarting) void RESOLVED.then(() => this.#repeat(run));
      else this.#repeat(run);
    } else if (run.state === 'waiting') {
      // A listener of the event may have aborted the call.
      run.attempt.bindContext();
      this.#arm(run, this.clock.now() + delayMs, delayMs);
    }
  }

  /** Starts the timer of a wait. Node's may fire up to a millisecond early: a server's delay is never shortened. */
  #arm(run: RetryRun, until: number, ms: number): void {
    run.timer = this.clock.setTimeout(() => {
      const left = until - this.clock.now();
      if (left > 0) this.#arm(run, until, left);
      else run.attempt.inContext(() => this.#repeat(run));
    }, Math.ceil(ms));
    if (this.#rules.unref) run.timer.unref();
  }

  #repeat(run: RetryRun): void {
    if (run.state !== 'waiting') return;
    run.timer = undefined;
    if (run.isAborted) {
      this.#abandon(run, run.attempt.abortReason);
      return;
    }
    run.state = 'running';
    run.number += 1;
    this.#retries += 1;
    run.isStarting = true;
    run.attempt.repeat(run.index, run.number);
    run.isStarting = false;
  }

  /** Ends a call that was aborted while nothing ran. */
  #abandon(run: RetryRun, reason: unknown): void {
    run.timer?.cancel();
    if (run.state === 'waiting') this.#rules.budget?.refund();
    this.#announce(run, reason, 'aborted', undefined);
    run.attempt.fail(run.index, reason);
  }

  #giveUp(
    run: RetryRun,
    failure: Failure,
    reason: GiveUpReason,
    retryAfterMs: number | undefined,
  ): void {
    this.#announce(run, failure.isValue ? undefined : failure.error, reason, retryAfterMs);
  }

  #announce(
    run: RetryRun,
    error: unknown,
    reason: GiveUpReason,
    retryAfterMs: number | undefined,
  ): void {
    this.#gaveUp[reason] += 1;
    run.end(error, reason, retryAfterMs);
    if (this.#events.wants('give-up')) {
      this.#events.emit({
        type: 'give-up',
        at: this.clock.now(),
        reason,
        attempts: run.number + 1,
        ...(retryAfterMs === undefined ? undefined : { retryAfterMs }),
        error,
      });
    }
  }
}

function reasonOf(wish: unknown): GiveUpReason | undefined {
  return wish === true ? undefined : 'not-retryable';
}

function sourceOf(openFor: number | undefined, asked: number | undefined): DelaySource {
  if (openFor !== undefined) return 'breaker';
  return asked === undefined ? 'backoff' : 'server';
}

function isRepeatable(run: RetryRun, failure: Failure): boolean {
  return run.attempt.isRepeatable && (failure.isValue || !isUsedBody(failure.error));
}

/** Carries on outward what was held while an asynchronous `shouldRetry` decided. */
function settle(run: RetryRun, failure: Failure): void {
  if (failure.isValue) run.attempt.succeed(run.index, failure.value);
  else run.attempt.fail(run.index, failure.error);
}
