import type { CallContext, CallOptions } from './call-options.ts';
import { checkBoolean, checkClock, checkNumber, checkOptions } from './check.ts';
import { type Clock, systemClock } from './clock.ts';
import { TimeoutError } from './errors.ts';
import { startAlarm } from './internal/alarm.ts';
import { parentSignal } from './internal/parent-signal.ts';
import { type AbortNode, joinHub } from './internal/signal-hub.ts';

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
 * @throws RangeError when `ms` is NaN, zero or negative; TypeError when it is not a number, or an option is unknown.
 */
export function deadline(
  ms: number,
  parent?: AbortSignal | CallContext,
  options: DeadlineOptions = {},
): DeadlineScope {
  checkNumber('deadline: ms', ms, { above: 0, infinity: true });
  checkOptions('deadline', options, ['clock', 'unref']);
  const unref = checkBoolean('deadline: unref', options.unref ?? true);
  const clock = checkClock('deadline', options.clock) ?? systemClock;
  const outer = parentSignal(parent);
  const controller = new AbortController();
  const { signal } = controller;
  const inherited = deadlineOf(parent)?.at ?? Infinity;
  const at = Math.min(clock.now() + ms, inherited);
  const own = deadlineAt(at, clock);
  carryDeadline(signal, own);

  if (outer?.aborted === true) {
    controller.abort(outer.reason);
    return { signal, deadline: own, [Symbol.dispose]: () => {} };
  }
  // An outer deadline that the outer signal carries will abort that signal, with its own reason.
  const alarmAt = deadlineOf(outer)?.at === at ? Infinity : at;
  const node: AbortNode = {
    hubNext: undefined,
    hubPrevious: undefined,
    parentAborted(reason) {
      alarm?.cancel();
      controller.abort(reason);
    },
  };
  const hub = outer === undefined ? undefined : joinHub(outer, node);
  const release = (): void => {
    alarm?.cancel();
    hub?.leave(node);
  };
  const alarm = startAlarm(clock, alarmAt, unref, () => {
    hub?.leave(node);
    controller.abort(new TimeoutError('deadline', ms));
  });
  return { signal, deadline: own, [Symbol.dispose]: release };
}

/**
 * The deadline that a signal or a context carries, if any. It is found through cockatiel's `wrap`
 * too, as long as the signal itself is handed on.
 */
export function deadlineOf(
  of: AbortSignal | CallContext | CallOptions | undefined,
): Deadline | undefined {
  const signal = parentSignal(of) as { [DEADLINE]?: Deadline } | undefined;
  // A policy that is not ours derives a signal of its own, and leaves the context's fields.
  return earlier(
    signal?.[DEADLINE],
    (of as { readonly deadline?: Deadline } | undefined)?.deadline,
  );
}

/** The earlier of two deadlines, either of which may be absent. */
export function earlier(a: Deadline | undefined, b: Deadline | undefined): Deadline | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return b.at < a.at ? b : a;
}

/** Makes a signal carry a deadline. A property, because a `WeakMap` entry costs eight times as much. */
export function carryDeadline(signal: AbortSignal, value: Deadline): void {
  (signal as { [DEADLINE]?: Deadline })[DEADLINE] = value;
}
