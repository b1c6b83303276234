import { DeadlineExceededError, type Event } from '@fournines/core';
import {
  type Attempt,
  ComponentEvents,
  DeadlineQueue,
  HELD,
  type REFUSED,
  StagedPolicy,
  disposeResult,
  withoutStack,
} from '@fournines/core/authoring';
import { BudgetFeed } from './internal/budget-feed.ts';
import { refusalOf } from './internal/check-call.ts';
import { RetryJudge } from './internal/retry-judge.ts';
import { RetryRun, type RunOwner } from './internal/retry-run.ts';
import { rememberInfo } from './retry-info.ts';
import { type RetryOptions, type RetryRules, checkRetryOptions } from './retry-options.ts';
import type {
  GiveUpEvent,
  GiveUpReason,
  RetryContext,
  RetryEvent,
  RetryPolicy,
  RetrySnapshot,
} from './retry-policy.ts';

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
class Retry extends StagedPolicy<RetryContext, RetrySnapshot> implements RetryPolicy, RunOwner {
  readonly repeats = true;
  readonly observesSuccess: boolean;
  readonly watchesCaller = false;
  readonly announcesStart: boolean;
  readonly #rules: RetryRules;
  readonly #judge: RetryJudge;
  readonly #events: ComponentEvents<RetryEvent | GiveUpEvent> = new ComponentEvents<
    RetryEvent | GiveUpEvent
  >(this, ['retry', 'give-up']);
  readonly #feed: BudgetFeed | undefined;
  /** The calls that wait for their next attempt: however many there are, one timer. */
  readonly #waiting: DeadlineQueue;
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
    this.#judge = new RetryJudge(rules);
    this.#waiting = new DeadlineQueue(this.clock, { unref: rules.unref });
    this.#feed = rules.budget === undefined ? undefined : new BudgetFeed(rules.budget);
    // A budget of its own is fed by nobody else.
    this.announcesStart = typeof options.budget === 'object';
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

  enter(attempt: Attempt, index: number): typeof REFUSED | undefined {
    this.#calls += 1;
    attempt.number = 0;
    const refusal = refusalOf(attempt);
    if (refusal !== undefined) return refusal;
    this.#feed?.deposit(attempt, index);
    if (this.#rules.minAttemptTime === 0 || !this.#judge.isTooLate(attempt, index))
      return undefined;
    const error = this.#outOfTime();
    this.#announce('deadline', 0, error, undefined);
    return attempt.refuse(error);
  }

  success(
    value: unknown,
    token: unknown,
    attempt: Attempt,
    index: number,
  ): undefined | typeof HELD {
    const former = token as RetryRun | undefined;
    const isFailure = this.observesSuccess ? this.#judge.isFailure(value) : false;
    if (isFailure === false) {
      if (former !== undefined) {
        former.state = 'over';
        this.#recovered += 1;
      }
      return undefined;
    }
    const run = former ?? this.#startRun(attempt, index);
    run.fail(true, value);
    return this.#goOn(run, this.#judge.ofValue(run, isFailure)) ? HELD : undefined;
  }

  failure(
    error: unknown,
    token: unknown,
    attempt: Attempt,
    index: number,
    via: Attempt,
  ): undefined | typeof HELD {
    const run = (token as RetryRun | undefined) ?? this.#startRun(attempt, index);
    run.fail(false, error);
    if (run.isAborted) {
      this.#giveUp(run, 'aborted');
      return undefined;
    }
    const verdict = this.#judge.ofError(run, via);
    // What a breaker refused was never sent.
    if (run.isRefused) this.#refund(run);
    if (verdict instanceof Promise) {
      this.#await(run, verdict);
      return HELD;
    }
    return this.#goOn(run, verdict) ? HELD : undefined;
  }

  /** The caller's abort, or that of a policy further out: a wait ends at once. */
  abort(reason: unknown, token: unknown): void {
    const run = token as RetryRun | undefined;
    if (run?.state === 'waiting' || run?.state === 'deciding') this.#abandon(run, reason);
  }

  #startRun(attempt: Attempt, index: number): RetryRun {
    const run = new RetryRun(this, attempt, index);
    attempt.setToken(index, run);
    return run;
  }

  #await(run: RetryRun, verdict: Promise<GiveUpReason | undefined>): void {
    run.state = 'deciding';
    run.attempt.watchCaller();
    void verdict.then((reason) => {
      if (run.state !== 'deciding') return;
      run.state = 'running';
      if (!this.#goOn(run, reason)) run.release();
    });
  }

  /** Returns whether there will be another attempt; otherwise the call has been given up. */
  #goOn(run: RetryRun, refused: GiveUpReason | undefined): boolean {
    const reason = refused ?? this.#judge.plan(run);
    if (reason === undefined) this.#wait(run);
    else this.#giveUp(run, reason);
    return reason === undefined;
  }

  #wait(run: RetryRun): void {
    const { delayMs } = run;
    run.state = 'waiting';
    run.totalDelayMs += delayMs;
    if (run.isValue) disposeResult(run.outcome);
    else run.keepError();
    if (delayMs > 0) run.attempt.watchCaller();
    if (this.#events.wants('retry')) {
      this.#events.emit({
        type: 'retry',
        at: this.clock.now(),
        attempt: run.number,
        delayMs,
        error: run.error,
        classification: run.classification,
      });
    }
    if (delayMs === 0) {
      // One that throws synchronously would pile up the stack; others go on without a detour.
      if (run.isStarting) void RESOLVED.then(() => this.#repeat(run));
      else this.#repeat(run);
    } else if (run.state === 'waiting') {
      // A listener of the event may have aborted the call.
      run.attempt.bindContext();
      run.waitIn(this.#waiting, this.clock.now() + delayMs);
    }
  }

  /** Called by a call's run: its wait is over. */
  waited(run: RetryRun): void {
    run.attempt.inContext(() => this.#wake(run));
  }

  /** The wait is over. It may have taken longer than it should: the deadline is looked at again. */
  #wake(run: RetryRun): void {
    const isTooLate = run.state === 'waiting' && this.#judge.isTooLate(run.attempt, run.index);
    if (!isTooLate || run.isAborted) {
      this.#repeat(run);
      return;
    }
    this.#refund(run);
    // A value has been let go of when the wait began.
    const error = run.isValue ? this.#outOfTime() : run.outcome;
    this.#end(run, error, 'deadline');
  }

  #repeat(run: RetryRun): void {
    if (run.state !== 'waiting') return;
    if (run.isAborted) {
      this.#abandon(run, run.attempt.abortReason);
      return;
    }
    run.state = 'running';
    run.number = run.attempts;
    this.#retries += 1;
    run.isStarting = true;
    run.attempt.repeat(run.index, run.number);
    run.isStarting = false;
  }

  /** Ends a call that was aborted while nothing ran. */
  #abandon(run: RetryRun, reason: unknown): void {
    this.#waiting.remove(run);
    if (run.state === 'waiting') this.#refund(run);
    else run.keepError();
    run.retryAfterMs = undefined;
    this.#end(run, reason, 'aborted');
  }

  #end(run: RetryRun, error: unknown, reason: GiveUpReason): void {
    run.end(error, false, reason);
    this.#announce(reason, run.attempts, error, run.retryAfterMs);
    run.attempt.fail(run.index, error);
  }

  #giveUp(run: RetryRun, reason: GiveUpReason): void {
    run.end(run.error, true, reason);
    this.#announce(reason, run.attempts, run.error, run.retryAfterMs);
  }

  #refund(run: RetryRun): void {
    if (run.isPaid) this.#rules.budget?.refund();
    run.isPaid = false;
  }

  #outOfTime(): DeadlineExceededError {
    const error = withoutStack(() => new DeadlineExceededError(this.name));
    // Of a call that is refused as it comes; one that had attempts says more when it ends.
    rememberInfo(error, { attempts: 0, errors: [], totalDelayMs: 0, reason: 'deadline' });
    return error;
  }

  #announce(
    reason: GiveUpReason,
    attempts: number,
    error: unknown,
    retryAfterMs: number | undefined,
  ): void {
    this.#gaveUp[reason] += 1;
    if (!this.#events.wants('give-up')) return;
    this.#events.emit({
      type: 'give-up',
      at: this.clock.now(),
      reason,
      attempts,
      ...(retryAfterMs === undefined ? undefined : { retryAfterMs }),
      error,
    });
  }
}
