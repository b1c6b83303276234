import type { Clock } from '@fournines/core';
import { coarseNow } from '@fournines/core/authoring';

/** A coarse reading may lie this much behind an exact one. */
const COARSE_MS = 50;

/**
 * The time of one circuit: never goes back. A clock that is set back, as only an injected one can
 * be, goes on from where it was: such a step neither prolongs a break nor ages a window.
 */
export class CircuitTime {
  readonly #clock: Clock;
  #last = -Infinity;
  #offset = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** At most about 10 ms old: for statistics. */
  coarse(): number {
    const now = coarseNow(this.#clock) + this.#offset;
    return now >= this.#last ? (this.#last = now) : this.#back(now);
  }

  exact(): number {
    const now = this.#clock.now() + this.#offset;
    return now >= this.#last ? (this.#last = now) : this.#back(now);
  }

  /** The present moment, for a reader that may change nothing. */
  peek(): number {
    const now = this.#clock.now() + this.#offset;
    return Math.max(now, this.#last);
  }

  #back(now: number): number {
    if (this.#last - now > COARSE_MS) this.#offset += this.#last - now;
    return this.#last;
  }
}
