import {
  type CallContext,
  type Deadline,
  DeadlineExceededError,
  type Event,
  type Policy,
  type Snapshot,
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
  coarseNow,
  deadlineAt,
  reportOnce,
  withoutStack,
} from '@fournines/core/authoring';
import type { LateEvent, SlowEvent, TimeoutEvent, TimeoutPolicyEvent } from './events.ts';
import type { DurationWindow } from './internal/duration-window.ts';
import { type Expiry, TimedCall } from './internal/timed-call.ts';
import {
  type CheckedOptions,
  type TimeoutContext,
  type TimeoutOptions,
  checkDuration,
  checkTimeoutOptions,
} from './options.ts';

/** What a duration function that fails is replaced by. */
const SAFE_DURATION = 30_000;

/** What a timeout shows. */
export interface TimeoutSnapshot extends Snapshot {
  readonly counts: {
    /** Calls and attempts that came in. */
    readonly calls: number;
    /** Of them, how many ran out of time, or had none left when they came in. */
    readonly timeouts: number;
    /** Good calls that took longer than `slowRatio` of their time. */
    readonly slow: number;
    /** Calls whose work ended after the caller had been answered. */
    readonly late: number;
  };
  readonly gauges: {
    /** Calls whose caller still waits. */
    readonly inFlight: number;
    /** For an operation of `timeouts`: half of its calls of the last minute took no longer, in milliseconds. Absent while there are none. */
    readonly p50Ms?: number;
    /** The same for 95 % of its calls. */
    readonly p95Ms?: number;
    /** The same for 99 % of its calls. */
    readonly p99Ms?: number;
  };
}

/** A policy that bounds how long a call may take. */
export interface TimeoutPolicy extends Policy<TimeoutContext, TimeoutSnapshot> {
  /** Every event of this policy. */
  readonly onEvent: Event<TimeoutPolicyEvent>;
  /** A call's time was up. */
  readonly onTimeout: Event<TimeoutEvent>;
  /** A call went well, but nearly ran out of time. */
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
  readonly #durations: DurationWindow | undefined;
  readonly #ambient: (() => Deadline | undefined) | undefined;
  readonly #queue: DeadlineQueue;
  readonly #events: ComponentEvents<TimeoutPolicyEvent> = new ComponentEvents<TimeoutPolicyEvent>(
    this,
    ['timeout', 'slow', 'late'],
  );
  #calls = 0;
  #timeouts = 0;
  #slow = 0;
  #late = 0;
  #inFlight = 0;

  readonly onEvent: Event<TimeoutPolicyEvent> = this.#events.onEvent;
  readonly onTimeout: Event<TimeoutEvent> = this.#events.of('timeout');
  readonly onSlow: Event<SlowEvent> = this.#events.of('slow');
  readonly onLate: Event<LateEvent> = this.#events.of('late');

  constructor(options: CheckedOptions, extras: TimeoutExtras = {}) {
    super('timeout', options);
    this.#options = options;
    this.#durations = extras.durations;
    this.#ambient = extras.ambient;
    this.answersEarly = options.mode === 'race';
    this.#queue = new DeadlineQueue(this.clock, { unref: options.unref });
  }

  enter(attempt: Attempt, index: number): TimedCall | typeof REFUSED {
    this.#calls += 1;
    const now = this.clock.now();
    const ambient = this.#ambient?.();
    if (ambient?.expired === true || attempt.deadlineOutside(index)?.expired === true) {
      return this.#refuse(attempt);
    }
    const ms = ambient === undefined ? this.#durationFor(attempt) : ambient.at - now;
    const call = new TimedCall(this, attempt, index, now, ms);
    this.#inFlight += 1;
    if (this.#options.captureStack) call.origin = originOf();
    if (ms !== Infinity) {
      attempt.bindContext(index);
      this.#queue.add(call);
    }
    return call;
  }

  success(_value: unknown, token: unknown): void {
    const call = token as TimedCall;
    this.#leave(call);
    if (call.answeredWith !== undefined) {
      this.#countLate(call, { ok: true, value: undefined });
      return;
    }
    if (this.#durations?.isDue() === true) this.#measure(this.#durations, call.startedAt);
    const elapsedMs = coarseNow(this.clock) - call.startedAt;
    // Written so that 0 times Infinity is no bound.
    if (!(elapsedMs >= call.durationMs * this.#options.slowRatio)) return;
    this.#slow += 1;
    if (this.#events.wants('slow')) {
      const { durationMs } = call;
      this.#events.emit({ type: 'slow', at: this.clock.now(), elapsedMs, durationMs });
    }
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
    if (answeredWith === undefined || !isOnlyTheAbort(error)) return undefined;
    // The callee waited for the abort and has nothing of its own to say.
    attempt.fail(index, answeredWith);
    return HELD;
  }

  abort(reason: unknown, token: unknown, attempt: Attempt, index: number): void {
    const call = token as TimedCall;
    if (call.isOver) return;
    if (!this.answersEarly) {
      this.#queue.remove(call);
      return;
    }
    call.answeredWith = reason;
    this.#leave(call);
    attempt.answer(index, false, reason);
  }

  late(outcome: Outcome, token: unknown): void {
    const call = token as TimedCall;
    // A timeout further in passes on what this one answered: the work itself goes on.
    if (!outcome.ok && outcome.error === call.answeredWith) return;
    this.#countLate(call, outcome);
  }

  deadline(token: unknown): Deadline {
    return deadlineAt((token as TimedCall).expiresAt, this.clock);
  }

  /** Called by the queue: the call's time is up. */
  expired(call: TimedCall): void {
    call.attempt.inContext(() => this.#expire(call));
  }

  snapshot(): TimeoutSnapshot {
    const percentiles = this.#durations?.percentiles(this.clock.now());
    return {
      status: 'up',
      counts: {
        calls: this.#calls,
        timeouts: this.#timeouts,
        slow: this.#slow,
        late: this.#late,
      },
      gauges: { inFlight: this.#inFlight, ...percentiles },
    };
  }

  #refuse(attempt: Attempt): typeof REFUSED {
    const error = withoutStack(() => new DeadlineExceededError(this.name));
    this.#timeouts += 1;
    if (this.#events.wants('timeout')) {
      const durationMs = this.#durationFor(attempt);
      this.#events.emit({ type: 'timeout', at: this.clock.now(), error, durationMs });
    }
    return attempt.refuse(error);
  }

  #expire(call: TimedCall): void {
    const { attempt, index, durationMs } = call;
    const error = this.#errorFor(call);
    this.#timeouts += 1;
    if (this.#durations?.isDue() === true) this.#measure(this.#durations, call.startedAt);
    call.answeredWith = error;
    if (this.#events.wants('timeout')) {
      this.#events.emit({ type: 'timeout', at: this.clock.now(), error, durationMs });
    }
    if (!this.answersEarly || this.#options.grace > 0) {
      attempt.abortInside(index, error);
      if (this.answersEarly && !call.isOver) this.#allowGrace(call, error);
      return;
    }
    this.#leave(call);
    attempt.answer(index, false, error);
    attempt.abortInside(index, error);
  }

  #measure(durations: DurationWindow, startedAt: number): void {
    const now = this.clock.now();
    durations.record(now - startedAt, now);
  }

  #allowGrace(call: TimedCall, error: unknown): void {
    call.graceTimer = this.clock.setTimeout(() => {
      this.#leave(call);
      call.attempt.inContext(() => call.attempt.answer(call.index, false, error));
    }, this.#options.grace);
    if (this.#options.unref) call.graceTimer.unref();
  }

  #errorFor(call: TimedCall): TimeoutError | DeadlineExceededError {
    const error = withoutStack(() =>
      call.attempt.isWaiting
        ? new DeadlineExceededError(this.name)
        : new TimeoutError(this.name, call.durationMs),
    );
    if (call.origin?.stack !== undefined) {
      const frames = call.origin.stack.slice(call.origin.stack.indexOf('\n'));
      Object.defineProperty(error, 'stack', {
        value: `${error.name}: ${error.message}${frames}`,
        writable: true,
        configurable: true,
      });
    }
    return error;
  }

  #leave(call: TimedCall): void {
    if (call.isOver) return;
    call.isOver = true;
    this.#inFlight -= 1;
    this.#queue.remove(call);
    call.graceTimer?.cancel();
  }

  #countLate(call: TimedCall, outcome: Outcome): void {
    this.#late += 1;
    if (!this.#events.wants('late')) return;
    const at = this.clock.now();
    const { durationMs } = call;
    const event = { type: 'late', at, elapsedMs: at - call.startedAt, durationMs } as const;
    this.#events.emit(
      outcome.ok ? { ...event, ok: true } : { ...event, ok: false, error: outcome.error },
    );
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

/** The callee failed with nothing but the abort itself: with the signal's reason, or an `AbortError`. */
function isOnlyTheAbort(error: unknown): boolean {
  if (error instanceof TimeoutError || error instanceof DeadlineExceededError) return true;
  return (
    typeof error === 'object' && error !== null && 'name' in error && error.name === 'AbortError'
  );
}

/** Where the caller stands. */
function originOf(): { readonly stack?: string } {
  const origin: { readonly stack?: string } = {};
  Error.captureStackTrace(origin, StagedPolicy.prototype.execute);
  return origin;
}
