import type { Clock } from '@fournines/core';
import { coarseNow, isSystemTime } from '@fournines/core/authoring';

/** Durations below this are not measured with a clock that may be a few ten milliseconds behind. */
const SHORT_MS = 100;

/** A clock that goes back by no more than this jitters. */
const JITTER_MS = 1_000;

/** Whether a duration is too short for the coarse clock. */
export function isShort(ms: number): boolean {
  return ms < SHORT_MS;
}

/**
 * The time of one circuit: never goes back. The coarse clock may lag behind the exact one by a
 * whole turn of the event loop; that is no step: the later of the two is the time. Only an injected
 * clock goes back. By a little: it jitters, and the time stands still until it has caught up.
 * Further: it was set back, and the time goes on from where it was: such a step neither prolongs a
 * break nor ages a window.
 */
export class CircuitTime {
  /** Whether statistics are to be exact too. */
  isExact = false;
  readonly #clock: Clock;
  #last = -Infinity;
  #offset = 0;
  /** The last readings. The coarse one may be behind the exact one, never the other way round. */
  #lastExact = -Infinity;
  #lastCoarse = -Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** At most about 10 ms old, or as old as this turn of the event loop: for statistics. */
  coarse(): number {
    if (this.isExact) return this.exact();
    const reading = coarseNow(this.#clock);
    // The usual case: within a tick.
    if (reading === this.#lastCoarse) return this.#last;
    if (reading < this.#lastCoarse) {
      if (this.#lastCoarse - reading <= JITTER_MS) return this.#last;
      this.#goOnFrom(reading);
    }
    this.#lastCoarse = reading;
    return this.#laterOf(reading);
  }

  exact(): number {
    const reading = this.#clock.now();
    const back = Math.max(this.#lastExact, this.#lastCoarse) - reading;
    if (back > 0) {
      if (back <= JITTER_MS) return this.#last;
      this.#goOnFrom(reading);
    }
    this.#lastExact = reading;
    // An injected clock has one time; and the default may be replaced by one, and come back.
    if (!isSystemTime(this.#clock)) this.#lastCoarse = reading;
    return this.#laterOf(reading);
  }

  /** The present moment, for a reader that may change nothing. */
  peek(): number {
    return Math.max(this.#clock.now() + this.#offset, this.#last);
  }

  #laterOf(reading: number): number {
    const now = reading + this.#offset;
    return now > this.#last ? (this.#last = now) : this.#last;
  }

  /** The clock was set back: the time goes on from the last one. */
  #goOnFrom(reading: number): void {
    this.#offset = this.#last - reading;
    this.#lastExact = reading;
    this.#lastCoarse = -Infinity;
  }
}
