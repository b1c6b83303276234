import type { CallContext } from './call-options.ts';
import { checkNumber } from './check.ts';
import { type Clock, systemClock } from './clock.ts';
import { TimeoutError } from './errors.ts';
import { parentSignal } from './internal/parent-signal.ts';

/** The moment by which a call must be done. */
export interface Deadline {
  /** The moment, in monotonic milliseconds of the clock that it was made with. Infinity: never. */
  readonly at: number;
  /** Milliseconds that are left; 0 when it has passed, Infinity when there is no limit. */
  readonly remainingMs: number;
  /** Whether it has passed. */
  readonly expired: boolean;
}

/** Options of {@link deadline}. */
export interface DeadlineOptions {
  /** Where time comes from. Default: the system's monotonic clock. */
  readonly clock?: Clock;
  /** Whether the process may end while the deadline is still to come. Default true. */
  readonly unref?: boolean;
}

/** A deadline together with the signal that carries it. */
export interface DeadlineScope extends Disposable {
  /** Aborted when the deadline passes (with a `TimeoutError`) or the parent is aborted (with its reason). */
  readonly signal: AbortSignal;
  /** The deadline: the earlier of the own and the parent's. */
  readonly deadline: Deadline;
}

/** Where a signal keeps its deadline: the same for every installed copy of this package. */
const DEADLINE: unique symbol = Symbol.for('@fournines/core/deadline') as never;

class ClockDeadline implements Deadline {
  readonly at: number;
  readonly #clock: Clock;

  constructor(at: number, clock: Clock) {
    this.at = at;
    this.#clock = clock;
  }

  get remainingMs(): number {
    return this.at === Infinity ? Infinity : Math.max(0, this.at - this.#clock.now());
  }

  get expired(): boolean {
    return this.remainingMs === 0;
  }
}

/** A deadline at a moment of a clock. */
export function deadlineAt(at: number, clock: Clock): Deadline {
  return new ClockDeadline(at, clock);
}

/**
 * Starts a deadline: a signal that is aborted in `ms` milliseconds and that carries the deadline,
 * so that every policy inside sees how much time is left. An inner deadline never outlasts the
 * outer one. Dispose it when the work is done: it lets go of its timer and of the parent.
 *
 * @param ms Time from now in milliseconds, > 0. Infinity: only the parent's.
 * @param parent The signal, or the context, within which the work happens.
 * @throws RangeError when `ms` is NaN, zero or negative.
 */
export function deadline(
  ms: number,
  parent?: AbortSignal | CallContext,
  options: DeadlineOptions = {},
): DeadlineScope {
  checkNumber('deadline: ms', ms, { above: 0, infinity: true });
  const clock = options.clock ?? systemClock;
  const outer = parentSignal(parent);
  const controller = new AbortController();
  const { signal } = controller;
  const at = Math.min(clock.now() + ms, deadlineOf(outer)?.at ?? Infinity);
  const own = deadlineAt(at, clock);
  carryDeadline(signal, own);

  if (outer?.aborted === true) {
    controller.abort(outer.reason);
    return { signal, deadline: own, [Symbol.dispose]: () => {} };
  }
  const timer =
    ms === Infinity
      ? undefined
      : clock.setTimeout(() => {
          release();
          controller.abort(new TimeoutError('deadline', ms));
        }, ms);
  if (options.unref ?? true) timer?.unref();
  const onParentAbort = (): void => {
    release();
    controller.abort(outer?.reason);
  };
  const release = (): void => {
    timer?.cancel();
    outer?.removeEventListener('abort', onParentAbort);
  };
  outer?.addEventListener('abort', onParentAbort, { once: true });
  return { signal, deadline: own, [Symbol.dispose]: release };
}

/**
 * The deadline that a signal or a context carries, if any. It is found through cockatiel's `wrap`
 * too, as long as the signal itself is handed on.
 */
export function deadlineOf(of: AbortSignal | CallContext | undefined): Deadline | undefined {
  const signal = parentSignal(of) as { [DEADLINE]?: Deadline } | undefined;
  return signal?.[DEADLINE];
}

/** Makes a signal carry a deadline. A property, because a `WeakMap` entry costs eight times as much. */
export function carryDeadline(signal: AbortSignal, value: Deadline): void {
  (signal as { [DEADLINE]?: Deadline })[DEADLINE] = value;
}
