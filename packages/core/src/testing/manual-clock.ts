import { setImmediate as nextTurn } from 'node:timers/promises';
import { checkNumber } from '../check.ts';
import type { Clock, Timer } from '../clock.ts';

/** A clock that stands still until a test moves it. */
export interface ManualClock extends Clock {
  /**
   * Moves time on by `ms`: fires what falls due, in order of time and of start, each at its own
   * moment, and lets promises settle before and after each.
   *
   * @throws RangeError when `ms` is negative, NaN or infinite.
   */
  advance(ms: number): Promise<void>;
  /** Sets the wall time, in milliseconds since the Unix epoch. Monotonic time does not move. */
  setWall(ms: number): void;
  /** How many timers wait. */
  readonly timers: number;
}

/** Options of {@link manualClock}. */
export interface ManualClockOptions {
  /** Monotonic milliseconds at the start. Default 0. */
  readonly now?: number;
  /** Wall time at the start, in milliseconds since the Unix epoch. Default 2026-01-01T00:00:00Z. */
  readonly wall?: number;
}

/** A clock for tests: give it to policies as their `clock`, or make it the default by `useManualClock`. */
export function manualClock(options: ManualClockOptions = {}): ManualClock {
  return new StandingClock(options.now ?? 0, options.wall ?? Date.UTC(2026, 0, 1));
}

interface WaitingTimer extends Timer {
  readonly at: number;
  fire(): void;
}

class StandingClock implements ManualClock {
  #now: number;
  #wallOffset: number;
  readonly #waiting = new Set<WaitingTimer>();

  constructor(now: number, wall: number) {
    this.#now = now;
    this.#wallOffset = wall - now;
  }

  get timers(): number {
    return this.#waiting.size;
  }

  now(): number {
    return this.#now;
  }

  wall(): number {
    return this.#now + this.#wallOffset;
  }

  setWall(ms: number): void {
    this.#wallOffset = ms - this.#now;
  }

  setTimeout(fn: () => void, ms: number): Timer {
    const timer: WaitingTimer = {
      at: this.#now + Math.max(0, ms),
      fire: fn,
      cancel: () => this.#waiting.delete(timer),
      ref: () => {},
      unref: () => {},
    };
    this.#waiting.add(timer);
    return timer;
  }

  async advance(ms: number): Promise<void> {
    checkNumber('manualClock: advance', ms, { min: 0 });
    const end = this.#now + ms;
    await nextTurn();
    for (let timer = this.#due(end); timer !== undefined; timer = this.#due(end)) {
      this.#waiting.delete(timer);
      this.#now = Math.max(this.#now, timer.at);
      timer.fire();
      await nextTurn();
    }
    this.#now = end;
  }

  /** The earliest timer that falls due by `end`; of equals, the one that was started first. */
  #due(end: number): WaitingTimer | undefined {
    let earliest: WaitingTimer | undefined;
    for (const timer of this.#waiting) {
      if (timer.at <= end && (earliest === undefined || timer.at < earliest.at)) earliest = timer;
    }
    return earliest;
  }
}
