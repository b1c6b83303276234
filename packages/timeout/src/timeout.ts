import {
  type CallContext,
  type Deadline,
  DeadlineExceededError,
  type Event,
  type Policy,
  TimeoutError,
} from '@fournines/core';
import {
  type Attempt,
  ComponentEvents,
  DeadlineQueue,
  type Outcome,
  type REFUSED,
  HELD,
  StagedPolicy,
  deadlineAt,
  disposeResult,
  reportOnce,
  withoutStack,
} from '@fournines/core/authoring';
import type { LateEvent, SlowEvent, TimeoutEvent, TimeoutPolicyEvent } from './events.ts';
import type { DurationWindow } from './internal/duration-window.ts';
import { callerStack, setStack } from './internal/caller-stack.ts';
import { isOnlyTheAbort } from './internal/own-error.ts';
import { Tally } from './internal/tally.ts';
import { type Expiry, TimedCall } from './internal/timed-call.ts';
import {
  type CheckedOptions,
  type TimeoutContext,
  type TimeoutOptions,
  checkDuration,
  checkTimeoutOptions,
} from './options.ts';
import type { TimeoutSnapshot } from './timeout-snapshot.ts';

/** Work that ends by the abort alone, within this time, has obeyed it. */
const PROMPT_MS = 10;

/** What a duration function that fails is replaced by. */
const SAFE_DURATION = 30_000;

/** A policy that bounds how long a call may take. */
export interface TimeoutPolicy extends Policy<TimeoutContext, TimeoutSnapshot> {
  /** Every event of this policy. */
  readonly onEvent: Event<TimeoutPolicyEvent>;
  /** A call's time was up. */
  readonly onTimeout: Event<TimeoutEvent>;
  /** A call ended in time, but nearly ran out of it. */
  readonly onSlow: Event<SlowEvent>;
  /** Work that the caller no longer waited for has ended. */
  readonly onLate: Event<LateEvent>;
}

/**
 * Bounds how long a call may take. When time is up, the callee's signal is aborted with the same
 * `TimeoutError` that the caller gets. It covers the promise that the function returns: a response
 * body that is read later needs `stream()` of core.
 *
 * @param options The duration in milliseconds (or a function of the context), or all options.
 * @throws TypeError or RangeError for an option that is unknown or out of bounds.
 */
export function timeout(
  options: number | ((context: CallContext) => number) | TimeoutOptions,
): TimeoutPolicy {
  const isShort = typeof options === 'number' || typeof options === 'function';
  return new Timeout(checkTimeoutOptions(isShort ? { duration: options } : options));
}

/** What a timeout may have beyond its options. */
export interface TimeoutExtras {
  /** Where the durations of its calls are kept. */
  readonly durations?: DurationWindow;
  /** The deadline that a call brings without saying so; it takes the place of the duration. */
  readonly ambient?: () => Deadline | undefined;
}

/** The policy behind {@link timeout}. A class, because its hooks are the hot path. */
export class Timeout
  extends StagedPolicy<TimeoutContext, TimeoutSnapshot>
  implements TimeoutPolicy, Expiry
{
  readonly answersEarly: boolean;
  readonly abortsInside = true;
  readonly #options: CheckedOptions;
  readonly #ambient: (() => Deadline | undefined) | undefined;
  readonly #queue: DeadlineQueue;
  readonly #graces: DeadlineQueue;
  readonly #events: ComponentEvents<TimeoutPolicyEvent> = new ComponentEvents<TimeoutPolicyEvent>(
    this,
    ['timeout', 'slow', 'late'],
  );
  readonly #tally: Tally;

  readonly onEvent: Event<TimeoutPolicyEvent> = this.#events.onEvent;
  readonly onTimeout: Event<TimeoutEvent> = this.#events.of('timeout');
  readonly onSlow: Event<SlowEvent> = this.#events.of('slow');
  readonly onLate: Event<LateEvent> = this.#events.of('late');

  constructor(options: CheckedOptions, extras: TimeoutExtras = {}) {
    super('timeout', options);
    this.#options = options;
    this.#ambient = extras.ambient;
    this.answersEarly = options.mode === 'race';
    this.#queue = new DeadlineQueue(this.clock, { unref: options.unref });
    this.#graces = new DeadlineQueue(this.clock, { unref: options.unref });
    this.#tally = new Tally({
      events: this.#events,
      durations: extras.durations,
      clock: this.clock,
      slowRatio: options.slowRatio,
    });
  }

  enter(attempt: Attempt, index: number): TimedCall | typeof REFUSED {
    this.#tally.calls += 1;
    const now = this.clock.now();
    const ambient = this.#ambient?.();
    if (ambient?.expired === true || attempt.deadlineOutside(index)?.expired === true) {
      return this.#refuse(attempt);
    }
    const ms = ambient === undefined ? this.#durationFor(attempt) : ambient.at - now;
    const call = new TimedCall(this, attempt, index, now, ms);
    if (this.#options.captureStack) call.callerStack = callerStack();
    if (ms !== Infinity) {
      attempt.bindContext(index);
      call.waitIn(this.#queue);
    }
    this.#tally.inFlight += 1;
    return call;
  }

  success(_value: unknown, token: unknown): void {
    const call = token as TimedCall;
    this.#leave(call);
    // A value that comes after the abort, and that the caller still gets, is neither slow nor late.
    if (call.answeredWith !== undefined) return;
    this.#tally.measure(call);
    this.#tally.inTime(call);
  }

  failure(
    error: unknown,
    token: unknown,
    attempt: Attempt,
    index: number,
  ): undefined | typeof HELD {
    const call = token as TimedCall;
    const { answeredWith } = call;
    this.#leave(call);
    if (answeredWith === undefined) {
      // How long the work takes, a failure does not say: it is not measured.
      this.#tally.inTime(call);
      return undefined;
    }
    if (!isOnlyTheAbort(error, answeredWith)) return undefined;
    attempt.fail(index, answeredWith);
    return HELD;
  }

  abort(reason: unknown, token: unknown, attempt: Attempt, index: number): void {
    const call = token as TimedCall;
    if (call.isOver) return;
    if (!this.answersEarly) {
      call.answeredWith ??= reason;
      call.stopWaiting();
      return;
    }
    call.answeredWith = reason;
    call.answeredAt = this.clock.now();
    this.#leave(call);
    attempt.answer(index, false, reason);
  }

  late(outcome: Outcome, token: unknown, attempt: Attempt): void {
    const call = token as TimedCall;
    // Who obeys the abort promptly is not late. A timeout further in does so at once: if its work
    // goes on, that is its to report.
    const isPrompt = this.clock.now() - call.answeredAt < PROMPT_MS;
    if (!outcome.ok && isPrompt && isOnlyTheAbort(outcome.error, call.answeredWith)) return;
    if (outcome.ok && !attempt.hasDelivered(outcome.value)) disposeResult(outcome.value);
    this.#tally.late(call, outcome);
  }

  deadline(token: unknown): Deadline {
    const { startedAt, durationMs } = token as TimedCall;
    return deadlineAt(startedAt + durationMs, this.clock);
  }

  /** Called by the queue: the call's time is up. */
  expired(call: TimedCall): void {
    call.attempt.inContext(() => this.#expire(call));
  }

  snapshot(): TimeoutSnapshot {
    return this.#tally.snapshot();
  }

  #refuse(attempt: Attempt): typeof REFUSED {
    const error = withoutStack(() => new DeadlineExceededError(this.name));
    if (this.#options.captureStack) setStack(error, callerStack());
    this.#tally.timeout(error, 0);
    return attempt.refuse(error);
  }

  #expire(call: TimedCall): void {
    const { attempt, index, answeredWith } = call;
    if (answeredWith !== undefined) {
      // The grace is over.
      this.#leave(call);
      attempt.answer(index, false, answeredWith);
      return;
    }
    const error = this.#errorFor(call);
    call.answeredWith = error;
    call.answeredAt = this.clock.now();
    this.#tally.measure(call);
    this.#tally.timeout(error, call.durationMs);
    if (!this.answersEarly || this.#options.grace > 0) {
      attempt.abortInside(index, error);
      if (this.answersEarly && !call.isOver) {
        call.expiresAt = this.clock.now() + this.#options.grace;
        call.waitIn(this.#graces);
      }
      return;
    }
    this.#leave(call);
    attempt.answer(index, false, error);
    attempt.abortInside(index, error);
  }

  #errorFor(call: TimedCall): TimeoutError | DeadlineExceededError {
    const { attempt } = call;
    const error = withoutStack(() =>
      attempt.isWaiting && !attempt.hasRun
        ? new DeadlineExceededError(this.name)
        : new TimeoutError(this.name, call.durationMs),
    );
    if (call.callerStack !== undefined) setStack(error, call.callerStack);
    return error;
  }

  #leave(call: TimedCall): void {
    if (call.isOver) return;
    call.isOver = true;
    this.#tally.inFlight -= 1;
    call.stopWaiting();
  }

  #durationFor(attempt: Attempt): number {
    const { duration } = this.#options;
    if (typeof duration === 'number') return duration;
    try {
      return checkDuration(
        'timeout: the result of duration',
        duration(attempt.context as CallContext),
      );
    } catch (error) {
      reportOnce(duration, 'timeout: duration', error);
      return SAFE_DURATION;
    }
  }
}
