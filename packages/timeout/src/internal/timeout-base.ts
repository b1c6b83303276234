import { DeadlineExceededError, type Deadline, type Event, TimeoutError } from '@fournines/core';
import {
  type Attempt,
  ComponentEvents,
  DeadlineQueue,
  HELD,
  type Outcome,
  REFUSED,
  StagedPolicy,
  reportOnce,
  withoutStack,
} from '@fournines/core/authoring';
import type {
  DurationContext,
  LateEvent,
  SlowEvent,
  TimeoutContext,
  TimeoutEvent,
  TimeoutPolicy,
  TimeoutSnapshot,
} from '../timeout.ts';
import { callerStack } from './caller-stack.ts';
import type { CheckedOptions } from './checked-options.ts';
import { isOwnError } from './own-error.ts';
import { type Overrun, RUNNING, SETTLED, TIME_UP, TimedRun } from './timed-run.ts';

/** What a call gets whose duration could not be computed. */
const SAFE_DURATION = 30_000;

/**
 * What both modes of a timeout share. A call enters as a {@link TimedRun}, which one of the queues
 * wakes: when it becomes slow, when its time is up, when its grace is over. Each queue has one
 * timer, however many calls there are.
 */
export abstract class Timeout
  extends StagedPolicy<TimeoutContext, TimeoutSnapshot>
  implements TimeoutPolicy
{
  readonly abortsInside: boolean = true;
  protected readonly options: CheckedOptions;
  readonly #duration: CheckedOptions['duration'];
  /** Whether some calls are slow and some are not. */
  readonly #watchesSlow: boolean;
  /** Runs that are not slow yet. */
  readonly #untilSlow: DeadlineQueue;
  /** Runs that are slow, or that are not watched for it. */
  readonly #untilEnd: DeadlineQueue;
  readonly #events: ComponentEvents<TimeoutEvent | SlowEvent | LateEvent> = new ComponentEvents<
    TimeoutEvent | SlowEvent | LateEvent
  >(this, ['timeout', 'slow', 'late']);
  #calls = 0;
  #timeouts = 0;
  #slow = 0;
  #late = 0;
  #inFlight = 0;

  readonly onEvent: Event<TimeoutEvent | SlowEvent | LateEvent> = this.#events.onEvent;
  readonly onTimeout: Event<TimeoutEvent> = this.#events.of('timeout');
  readonly onSlow: Event<SlowEvent> = this.#events.of('slow');
  readonly onLate: Event<LateEvent> = this.#events.of('late');

  constructor(options: CheckedOptions) {
    super('timeout', options);
    this.options = options;
    this.#duration = options.duration;
    this.#watchesSlow = options.slowRatio > 0 && options.slowRatio < 1;
    this.#untilSlow = new DeadlineQueue(this.clock, options);
    this.#untilEnd = new DeadlineQueue(this.clock, options);
  }

  enter(attempt: Attempt, index: number): TimedRun | typeof REFUSED {
    this.#calls += 1;
    if (attempt.deadlineOutside(index)?.expired === true) return this.#refuse(attempt);
    const duration = this.#duration;
    const durationMs = typeof duration === 'number' ? duration : this.#computed(duration, attempt);
    const now = this.clock.now();
    const run = new TimedRun(this, attempt, index, now, durationMs);
    if (this.options.captureStack) run.callerStack = stackOf(attempt, index);
    this.#inFlight += 1;
    if (durationMs === Infinity) return run;
    // The queues' timers belong to no call: what they do must happen in the call's own context.
    attempt.bindContext();
    if (this.#watchesSlow) {
      run.expiresAt = now + durationMs * this.options.slowRatio;
      this.#untilSlow.add(run);
    } else {
      run.isSlow = this.options.slowRatio === 0;
      this.#untilEnd.add(run);
    }
    return run;
  }

  success(value: unknown, run: TimedRun): undefined | typeof HELD {
    if (run.state !== RUNNING) return this.#settleOverrun({ ok: true, value }, run);
    this.#settleInTime(run);
    return undefined;
  }

  failure(error: unknown, run: TimedRun): undefined | typeof HELD {
    if (run.state !== RUNNING) return this.#settleOverrun({ ok: false, error }, run);
    this.#settleInTime(run);
    return undefined;
  }

  late(outcome: Outcome, run: TimedRun, attempt: Attempt, index: number, via: Attempt): void {
    const { overrun } = run;
    if (overrun === undefined || overrun.neverStarted) return;
    const isEcho = !outcome.ok && outcome.error === overrun.error;
    // A stage further in answered the abort at once: the function itself is that stage's to report.
    if (isEcho && (answeredInside(attempt, index) || answeredInside(via, index))) return;
    this.#reportLate(outcome, overrun);
  }

  deadline(run: TimedRun | undefined): Deadline | undefined {
    return run?.deadline;
  }

  snapshot(): TimeoutSnapshot {
    return {
      status: 'up',
      counts: {
        calls: this.#calls,
        timeouts: this.#timeouts,
        slow: this.#slow,
        late: this.#late,
      },
      gauges: { inFlight: this.#inFlight },
    };
  }

  /** A queue's timer woke the run. */
  wake(run: TimedRun): void {
    if (run.expiresAt < run.endsAt) {
      run.isSlow = true;
      run.expiresAt = run.endsAt;
      this.#untilEnd.add(run);
    } else {
      run.attempt.inContext(() => this.expire(run));
    }
  }

  /** Time is up for a run that was not aborted before. */
  protected expire(run: TimedRun): void {
    const neverStarted = run.attempt.isWaiting;
    const error = neverStarted
      ? withoutStack(() => new DeadlineExceededError(this.name))
      : this.#timeoutError(run);
    const at = this.clock.now();
    run.state = TIME_UP;
    run.overrun = { error, at, after: 'timeout', graceEndsAt: this.graceEndsAt(at), neverStarted };
    this.#announceTimeout(error, run.durationMs);
    this.stop(run, run.overrun);
  }

  /** Makes the function stop: its time is up. */
  protected abstract stop(run: TimedRun, overrun: Overrun): void;

  /** Until when the function's own error counts, if its time is up at `at`. */
  protected abstract graceEndsAt(at: number): number;

  /** Takes a run that is going to be answered out of the books. */
  protected close(run: TimedRun): void {
    this.#unqueue(run);
    run.state = SETTLED;
    this.#inFlight -= 1;
  }

  #settleInTime(run: TimedRun): void {
    this.close(run);
    if (!run.isSlow || run.attempt.isAborted(run.index)) return;
    this.#slow += 1;
    if (!this.#events.wants('slow')) return;
    const at = this.clock.now();
    const { durationMs } = run;
    this.#events.emit({ type: 'slow', at, elapsedMs: run.elapsed(at), durationMs });
  }

  /** The function ended after its time: the caller, who still waits, learns that time was up. */
  #settleOverrun(outcome: Outcome, run: TimedRun): undefined | typeof HELD {
    const { overrun } = run;
    if (run.state !== TIME_UP || overrun === undefined) return undefined;
    this.close(run);
    if (!outcome.ok) {
      if (outcome.error === overrun.error) return undefined;
      const inGrace = overrun.graceEndsAt === Infinity || this.clock.now() < overrun.graceEndsAt;
      if (inGrace && isOwnError(outcome.error)) return undefined;
    }
    if (!overrun.neverStarted) this.#reportLate(outcome, overrun);
    run.attempt.fail(run.index, overrun.error);
    return HELD;
  }

  #unqueue(run: TimedRun): void {
    if (this.#watchesSlow && !run.isSlow) this.#untilSlow.remove(run);
    else this.#untilEnd.remove(run);
  }

  #refuse(attempt: Attempt): typeof REFUSED {
    const error = withoutStack(() => new DeadlineExceededError(this.name));
    this.#announceTimeout(error, 0);
    return attempt.refuse(error);
  }

  #announceTimeout(error: Error, durationMs: number): void {
    this.#timeouts += 1;
    if (!this.#events.wants('timeout')) return;
    this.#events.emit({ type: 'timeout', at: this.clock.now(), error, durationMs });
  }

  #reportLate(outcome: Outcome, overrun: Overrun): void {
    this.#late += 1;
    if (!this.#events.wants('late')) return;
    const at = this.clock.now();
    const event = { type: 'late', at, after: overrun.after, lateMs: at - overrun.at, outcome } as const;
    this.#events.emit(outcome.ok ? event : { ...event, error: outcome.error });
  }

  #timeoutError(run: TimedRun): TimeoutError {
    const error = withoutStack(() => new TimeoutError(this.name, run.durationMs));
    if (run.callerStack !== undefined) error.stack = `${error.stack}\n${run.callerStack}`;
    return error;
  }

  #computed(duration: (context: DurationContext) => number, attempt: Attempt): number {
    try {
      const ms = duration(attempt.context as DurationContext);
      if (typeof ms === 'number' && ms > 0) return ms;
      throw new RangeError(`must say a number > 0, said ${String(ms)}`);
    } catch (error) {
      reportOnce(duration, 'timeout: duration', error);
      return SAFE_DURATION;
    }
  }
}

/** Whether a stage inside of `index` has answered for itself. */
function answeredInside(attempt: Attempt, index: number): boolean {
  for (let i = index + 1; i < attempt.pipeline.stages.length; i++) {
    if (attempt.hasAnswered(i)) return true;
  }
  return false;
}

/** Where the call was made: for a repetition, where the first attempt was. */
function stackOf(attempt: Attempt, index: number): string {
  let root = attempt;
  while (root.parent !== undefined) root = root.parent;
  const first = root.tokens[index];
  const known = first instanceof TimedRun ? first.callerStack : undefined;
  return known ?? callerStack();
}
