import type { Event } from '@fournines/core';
import {
  type Attempt,
  ComponentEvents,
  DeadlineQueue,
  HELD,
  type Outcome,
  type REFUSED,
  StagedPolicy,
  disposeResult,
  reportOnce,
  withoutStack,
} from '@fournines/core/authoring';
import { type HedgeOptions, type HedgeRules, checkHedgeOptions } from './hedge-options.ts';
import type { HedgeEvent, HedgePolicy, HedgeSnapshot } from './hedge-policy.ts';
import { breakerRefusal } from './internal/breaker-refusal.ts';
import { BudgetFeed } from './internal/budget-feed.ts';
import { refusalOf } from './internal/check-call.ts';
import { askedDelay, classifySafely } from './internal/classify-safely.ts';
import { HedgeRun } from './internal/hedge-run.ts';
import { InnerBreakers } from './internal/inner-breakers.ts';
import { LatencyWindow } from './internal/latency-window.ts';
import { isLimitRefusal } from './internal/limit-refusal.ts';
import { isUsedBody } from './internal/used-body.ts';
import type { RetryBudget } from './retry-budget.ts';
import type { RetryContext } from './retry-policy.ts';
import { SupersededError } from './superseded-error.ts';

/** No delay by measurement is shorter. */
const SHORTEST_DELAY_MS = 1;

/** How long an open breaker stops hedging at most: it may have been closed by hand. */
const LONGEST_PAUSE_MS = 30_000;

const RESOLVED = Promise.resolve();

/**
 * Asks a second time when the first answer takes longer than usual, and takes the first success:
 * Dean and Barroso, "The Tail at Scale". A transient failure starts the next attempt at once, one
 * that no repetition can help ends the call. The losers are aborted with a {@link SupersededError}
 * and their results disposed of. When all fail, the caller sees the first attempt's error.
 *
 * Outside of the policies whose work it shall repeat, inside of `retry`. It does not hedge
 * while a breaker further in is not closed: probes are not doubled.
 *
 * @throws TypeError or RangeError when an option is out of its bounds or unknown.
 */
export function hedge(options: HedgeOptions): HedgePolicy {
  return new Hedge(options, checkHedgeOptions(options));
}

class Hedge extends StagedPolicy<RetryContext, HedgeSnapshot> implements HedgePolicy {
  readonly answersEarly = true;
  readonly abortsInside = true;
  readonly repeats = true;
  readonly announcesStart: boolean;
  readonly #rules: HedgeRules;
  readonly #latency: LatencyWindow | undefined;
  readonly #queue: DeadlineQueue;
  readonly #events: ComponentEvents<HedgeEvent> = new ComponentEvents<HedgeEvent>(this, ['hedge']);
  readonly #feed: BudgetFeed | undefined;
  readonly #breakers: InnerBreakers = new InnerBreakers();
  #pausedUntil = -Infinity;
  #calls = 0;
  #hedges = 0;
  #won = 0;

  readonly onEvent: Event<HedgeEvent> = this.#events.onEvent;
  readonly onHedge: Event<HedgeEvent> = this.#events.of('hedge');

  constructor(options: HedgeOptions, rules: HedgeRules) {
    super('hedge', options);
    this.#rules = rules;
    this.#feed = rules.budget === undefined ? undefined : new BudgetFeed(rules.budget);
    // A budget of its own is fed by nobody else.
    this.announcesStart = typeof options.budget === 'object';
    this.#queue = new DeadlineQueue(this.clock);
    this.#latency =
      rules.delay === undefined ? new LatencyWindow(rules.quantile, rules.warmup) : undefined;
  }

  /** Which budget this stage feeds: a stage further in that shares it does not feed it again. */
  get budget(): RetryBudget | undefined {
    return this.#rules.budget;
  }

  snapshot(): HedgeSnapshot {
    const delayMs = this.#delay(this.clock.now());
    return {
      status: 'up',
      counts: { calls: this.#calls, hedges: this.#hedges, won: this.#won },
      gauges: delayMs === Infinity ? {} : { delayMs },
    };
  }

  enter(attempt: Attempt, index: number): HedgeRun | typeof REFUSED | undefined {
    this.#calls += 1;
    attempt.number = 0;
    const refusal = refusalOf(attempt);
    if (refusal !== undefined) return refusal;
    this.#feed?.deposit(attempt, index);
    if (attempt.call?.idempotent === false) return undefined;
    const now = this.clock.now();
    const run = new HedgeRun(attempt, index, now, this.#delay(now), this.#onDelay);
    if (now < this.#pausedUntil) run.isHedgeable = false;
    else if (run.delayMs === 0) void RESOLVED.then(() => this.#onDelay(run));
    else if (run.delayMs !== Infinity) {
      attempt.bindContext();
      this.#schedule(run, now + run.delayMs);
    }
    return run;
  }

  success(
    value: unknown,
    token: unknown,
    attempt: Attempt,
    index: number,
    via: Attempt,
  ): undefined | typeof HELD {
    const run = token as HedgeRun | undefined;
    if (run === undefined) return undefined;
    this.#leave(run, via);
    if (this.#latency !== undefined && (via === attempt || run.isPrimaryLive)) {
      // A superseded primary would have taken longer still: leaving it out would teach impatience.
      const now = this.clock.now();
      this.#latency.record(now - run.startedAt, now);
    }
    if (via !== attempt) this.#won += 1;
    return this.#end(run, true, value, via);
  }

  failure(
    error: unknown,
    token: unknown,
    attempt: Attempt,
    index: number,
    via: Attempt,
  ): undefined | typeof HELD {
    const run = token as HedgeRun | undefined;
    if (run === undefined) return undefined;
    this.#leave(run, via);
    if (via === attempt) run.primaryError = error;
    if (attempt.isAborted(index)) run.isHedgeable = false;
    else if (!this.#isSurvivable(run, error)) return this.#end(run, false, error, via);
    // An attempt that it started may have failed synchronously, and ended the call, meanwhile.
    if (run.live > 0 || run.isOver) return HELD;
    run.isOver = true;
    this.#queue.remove(run);
    if (via === attempt) return undefined;
    attempt.fail(index, run.primaryError);
    return HELD;
  }

  late(outcome: Outcome, token: unknown, attempt: Attempt): void {
    if (token === undefined || !outcome.ok) return;
    // Two attempts may come to the same thing: what the caller holds is nobody's to let go of.
    if (!attempt.hasDelivered(outcome.value)) disposeResult(outcome.value);
  }

  #delay(now: number): number {
    if (this.#latency === undefined) return this.#rules.delay ?? Infinity;
    const measured = this.#latency.value(now);
    return measured === undefined ? Infinity : Math.max(SHORTEST_DELAY_MS, measured);
  }

  #schedule(run: HedgeRun, at: number): void {
    this.#queue.remove(run);
    run.expiresAt = at;
    this.#queue.add(run);
  }

  readonly #onDelay = (run: HedgeRun): void => {
    if (!this.#mayHedge(run)) return;
    if (run.hedges === 0 && run.delayMs > 0 && run.attempt.isWaiting) {
      // The first attempt waits in a queue: a second one would only wait behind it.
      this.#schedule(run, run.expiresAt + run.delayMs);
      return;
    }
    if (!this.#start(run, 'delay', undefined) || !this.#mayHedge(run)) return;
    if (run.delayMs === 0) this.#onDelay(run);
    else this.#schedule(run, run.expiresAt + run.delayMs);
  };

  #mayHedge(run: HedgeRun): boolean {
    return (
      run.isHedgeable &&
      !run.isOver &&
      run.hedges < this.#rules.maxHedges &&
      !run.attempt.isAborted(run.index) &&
      run.attempt.isRepeatable &&
      this.#breakers.areClosed(run.attempt, run.index)
    );
  }

  /** Starts one more attempt, if the budget allows. */
  #start(run: HedgeRun, trigger: HedgeEvent['trigger'], error: unknown): boolean {
    if (this.#rules.budget?.tryWithdraw() === false) {
      run.isHedgeable = false;
      return false;
    }
    run.hedges += 1;
    run.live += 1;
    this.#hedges += 1;
    if (this.#events.wants('hedge')) {
      this.#events.emit({
        type: 'hedge',
        at: this.clock.now(),
        attempt: run.hedges,
        trigger,
        ...(trigger === 'failure' ? { error } : undefined),
      });
    }
    const repetition = run.attempt.repeat(run.index, run.hedges);
    (run.repetitions ??= []).push(repetition);
    return true;
  }

  /** Whether the call goes on after this failure. May start the next attempt. */
  #isSurvivable(run: HedgeRun, error: unknown): boolean {
    const patienceMs = this.#patience(run, error);
    if (patienceMs === undefined) return false;
    if (!this.#mayHedge(run)) return true;
    if (patienceMs === 0) this.#start(run, 'failure', error);
    // The server asks for patience: an attempt that runs already may still win.
    else if (run.live > 0) this.#postpone(run, patienceMs);
    return true;
  }

  /** How long the next attempt shall wait after this failure; undefined when none can help, so that the call ends. */
  #patience(run: HedgeRun, error: unknown): number | undefined {
    try {
      const openFor = breakerRefusal(error);
      if (openFor !== undefined) {
        // One that it sees is looked at for each hedge; this is one that it does not.
        if (this.#breakers.areClosed(run.attempt, run.index)) {
          this.#pausedUntil = this.clock.now() + Math.min(openFor, LONGEST_PAUSE_MS);
        }
        run.isHedgeable = false;
        return openFor;
      }
      // A body that the first attempt sends cannot be sent beside it.
      if (isLimitRefusal(error) || (isUsedBody(error) && run.hedges > 0)) {
        run.isHedgeable = false;
        return Infinity;
      }
      const classification = classifySafely('hedge', this.#rules.classify, error);
      if (classification.retryable === 'no') return undefined;
      return askedDelay(classification) ?? 0;
    } catch (thrown) {
      // An error, or a classification, that throws when it is read.
      reportOnce(this.#rules, 'hedge: an error that it read', thrown);
      return undefined;
    }
  }

  #postpone(run: HedgeRun, retryAfterMs: number): void {
    const delayMs = Math.max(retryAfterMs, run.delayMs);
    if (delayMs === Infinity) this.#queue.remove(run);
    else this.#schedule(run, this.clock.now() + delayMs);
  }

  #leave(run: HedgeRun, via: Attempt): void {
    run.live -= 1;
    if (via === run.attempt) run.isPrimaryLive = false;
  }

  /** The call has its outcome: the other attempts, if there are any, are aborted. */
  #end(run: HedgeRun, ok: boolean, outcome: unknown, via: Attempt): undefined | typeof HELD {
    run.isOver = true;
    this.#queue.remove(run);
    if (run.live === 0) return undefined;
    const { attempt, index } = run;
    attempt.answer(index, ok, outcome);
    const reason = withoutStack(() => new SupersededError(this.name));
    if (run.isPrimaryLive) attempt.abortInside(index, reason);
    for (const repetition of run.repetitions ?? []) {
      if (repetition !== via) repetition.abortInside(index, reason);
    }
    return HELD;
  }
}
