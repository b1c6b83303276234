/**
 * Where policies take their time from. Every policy has a `clock` option; the default is
 * {@link systemClock}. Tests inject `manualClock()` from `@fournines/core/testing`.
 */
export interface Clock {
  /** Monotonic milliseconds: never goes back, unlike wall time. */
  now(): number;
  /** Milliseconds since the Unix epoch, for what a human or another machine reads. */
  wall(): number;
  /** Calls `fn` once after `ms` milliseconds. Any finite `ms` works, also over 2³¹−1 (24.8 days). */
  setTimeout(fn: () => void, ms: number): Timer;
}

/** A timer that was started by {@link Clock.setTimeout}. */
export interface Timer {
  /** Stops it; nothing happens when it has fired already. */
  cancel(): void;
  /** Keeps the process alive until it fires (the default). */
  ref(): void;
  /** Lets the process end before it fires. */
  unref(): void;
}

/** The longest delay that Node's own timers take; a longer one fires at once. */
const LONGEST_DELAY = 2 ** 31 - 1;

class SystemTimer implements Timer {
  #handle: NodeJS.Timeout;

  constructor(fn: () => void, ms: number) {
    this.#handle = this.#start(fn, ms);
  }

  cancel(): void {
    clearTimeout(this.#handle);
  }

  ref(): void {
    this.#handle.ref();
  }

  unref(): void {
    this.#handle.unref();
  }

  #start(fn: () => void, ms: number): NodeJS.Timeout {
    if (ms <= LONGEST_DELAY) return setTimeout(fn, ms);
    return setTimeout(() => {
      const wasRef = this.#handle.hasRef();
      this.#handle = this.#start(fn, ms - LONGEST_DELAY);
      if (!wasRef) this.#handle.unref();
    }, LONGEST_DELAY);
  }
}

/**
 * The globals as they were at first. `performance` is an accessor that costs half as much as the
 * clock behind it; the fake timers of a test runner replace it together with one of the others,
 * which cost nothing to look at.
 */
const atFirst = { performance, Date, setTimeout };

function monotonicNow(): number {
  const isReplaced = Date !== atFirst.Date || setTimeout !== atFirst.setTimeout;
  return isReplaced ? performance.now() : atFirst.performance.now();
}

/** Node's clock. Globals are looked at in each call, so that fake timers of a test runner work too. */
const nodeClock: Clock = {
  now: monotonicNow,
  wall: () => Date.now(),
  setTimeout: (fn, ms) => new SystemTimer(fn, ms),
};

let current: Clock = nodeClock;

/** The clocks that stand in for Node's, in the order in which they came. */
const standIns: { readonly clock: Clock }[] = [];

/** The default clock of everything: `performance.now()`, `Date.now()` and `setTimeout`. */
export const systemClock: Clock = {
  now: () => current.now(),
  wall: () => current.wall(),
  setTimeout: (fn, ms) => current.setTimeout(fn, ms),
};

/**
 * What a clock's timers come from at this moment: another thing as soon as a stand-in for the
 * system's clock, or a test runner's fake timers, come or go. A timer of the former will not wake.
 */
export function timerSource(clock: Clock): unknown {
  if (clock !== systemClock && clock !== nodeClock) return clock;
  return clock === nodeClock || current === nodeClock ? setTimeout : current;
}

/** Whether `clock` runs by itself. A manual clock stands still until it is told to advance. */
export function isSystemTime(clock: Clock): boolean {
  return clock === nodeClock || (clock === systemClock && current === nodeClock);
}

/** Makes `clock` the time behind {@link systemClock} until what it returns is called; the latest that still stands in wins. */
export function replaceSystemClock(clock: Clock): () => void {
  const standIn = { clock };
  standIns.push(standIn);
  current = clock;
  return () => {
    const at = standIns.indexOf(standIn);
    if (at >= 0) standIns.splice(at, 1);
    current = standIns.at(-1)?.clock ?? nodeClock;
  };
}
