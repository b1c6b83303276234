import type {
  CallContext,
  CommonOptions,
  ComponentEvent,
  Deadline,
  Event,
  Policy,
  Snapshot,
} from '@fournines/core';
import type { Outcome } from '@fournines/core/authoring';
import { checkedOptions } from './internal/checked-options.ts';
import { CooperativeTimeout } from './internal/cooperative-timeout.ts';
import { RaceTimeout } from './internal/race-timeout.ts';

/** What a function under a timeout receives. */
export interface TimeoutContext extends CallContext {
  /** The moment by which the call must be done: the earliest of its own and all outer deadlines. */
  readonly deadline: Deadline;
}

/** What a function that computes a duration receives: the deadline is there when something further out, or the caller, set one. */
export interface DurationContext extends CallContext {
  /** The deadline that binds the call already. */
  readonly deadline?: Deadline;
  /** Which try this is, counted from 0, under a retry. */
  readonly attempt?: number;
}

/** A duration in milliseconds, > 0 (Infinity: no limit), or a function that says it for each call. */
export type TimeoutDuration = number | ((context: DurationContext) => number);

/** Options of {@link timeout}. */
export interface TimeoutOptions extends CommonOptions {
  /**
   * Milliseconds that a call may take: > 0. Infinity: no limit; `context.deadline` is there all the
   * same. A function says it for each call; when it throws, or says something else than a number
   * > 0, that is reported once and the call gets 30 000 ms.
   */
  readonly duration: TimeoutDuration;
  /**
   * What happens when time is up, or the caller aborts. `'race'`: the function's signal is aborted
   * and the caller is answered at once. `'cooperative'`: the signal is aborted and the caller waits
   * until the function has stopped. Default `'race'`.
   */
  readonly mode?: 'race' | 'cooperative';
  /**
   * Milliseconds to wait, after the abort, for the function's own error: it often knows more than
   * "timed out" (which query, which step), and is then what the caller sees. An error that only
   * repeats the abort does not count. From 0; default 0: not at all.
   */
  readonly grace?: number;
  /** A call that settles in time, but after more than this share of it, is counted and announced as slow. 0..1; 1: none. Default 0.8. */
  readonly slowRatio?: number;
  /** Whether the process may end while calls are pending. Default false. */
  readonly unref?: boolean;
  /** Whether the stack of a `TimeoutError` shows who made the call. Costs some microseconds for each call. Default false: such an error has no stack. */
  readonly captureStack?: boolean;
}

/** Time was up before the function had settled. */
export interface TimeoutEvent extends ComponentEvent {
  readonly type: 'timeout';
  /** What the caller gets: a `TimeoutError`, or a `DeadlineExceededError` when the function was never started. */
  readonly error: Error;
  /** How long the call might take, in milliseconds; 0 when it came too late to be started. */
  readonly durationMs: number;
}

/** A call settled in time, but used up more of it than `slowRatio`. */
export interface SlowEvent extends ComponentEvent {
  readonly type: 'slow';
  /** How long the call took, in milliseconds. */
  readonly elapsedMs: number;
  /** How long it might take, in milliseconds. */
  readonly durationMs: number;
}

/** A function settled after its caller had been answered, or told that time was up: what came of it. */
export interface LateEvent extends ComponentEvent {
  readonly type: 'late';
  /** What came first: time was up, or the call was aborted from further out. */
  readonly after: 'timeout' | 'abort';
  /** How long the function ran on, in milliseconds. */
  readonly lateMs: number;
  /** The value or error that nobody waits for any more. */
  readonly outcome: Outcome;
}

/** Counts of a timeout. */
export interface TimeoutSnapshot extends Snapshot {
  readonly counts: {
    /** Calls and attempts that came in. */
    readonly calls: number;
    /** Of them, how many ran out of time, those that were never started included. */
    readonly timeouts: number;
    /** How many settled in time but used up more of it than `slowRatio`. */
    readonly slow: number;
    /** How many functions settled after their caller had been answered. */
    readonly late: number;
  };
  readonly gauges: {
    /** Calls that wait for their answer. */
    readonly inFlight: number;
  };
}

/** A policy that bounds how long a call takes. */
export interface TimeoutPolicy extends Policy<TimeoutContext, TimeoutSnapshot> {
  /** Every event of this policy. */
  readonly onEvent: Event<TimeoutEvent | SlowEvent | LateEvent>;
  /** Time was up. */
  readonly onTimeout: Event<TimeoutEvent>;
  /** A call was nearly too slow. */
  readonly onSlow: Event<SlowEvent>;
  /** A function settled when nobody waited for it any more. */
  readonly onLate: Event<LateEvent>;
}

/**
 * Bounds how long a call takes. When time is up, the function's signal is aborted with a
 * `TimeoutError`, and the caller gets that same error at once.
 *
 * A timeout never fires early. It covers what the function's promise covers: a response body that
 * is read later needs `stream()`, or to be read inside the function.
 *
 * @param options The duration in milliseconds, or all options.
 * @throws RangeError, TypeError when an option is out of bounds, of the wrong type or unknown.
 */
export function timeout(options: TimeoutDuration | TimeoutOptions): TimeoutPolicy {
  const checked = checkedOptions(
    typeof options === 'object' ? options : { duration: options },
  );
  return checked.mode === 'race' ? new RaceTimeout(checked) : new CooperativeTimeout(checked);
}
