import type { Bounds, Concurrency } from './concurrency.ts';

const BACKOFF = 0.9;

/**
 * Additive increase, multiplicative decrease, as TCP does it (RFC 5681): the limit grows by one for
 * every call that went well until overload is first met (it doubles in a round trip), then by one
 * in a round trip; overload takes a tenth off, once for all the calls that met the same overload.
 * The limit does not grow while less than half of it is used.
 */
export class Aimd implements Concurrency {
  readonly #bounds: Bounds;
  #limit: number;
  #hasMetOverload = false;
  /** The call that was admitted last when the limit was last cut. */
  #cutAt = 0;

  constructor(bounds: Bounds) {
    this.#bounds = bounds;
    this.#limit = bounds.initial;
  }

  get limit(): number {
    return this.#limit;
  }

  wantsTime(): boolean {
    return false;
  }

  accepted(_number: number, _durationMs: number, inFlight: number): void {
    if (inFlight * 2 < this.#limit) return;
    const step = this.#hasMetOverload ? 1 / this.#limit : 1;
    this.#limit = Math.min(this.#bounds.max, this.#limit + step);
  }

  overloaded(number: number, latest: number): void {
    if (number <= this.#cutAt) return;
    this.#cutAt = latest;
    this.#hasMetOverload = true;
    this.#limit = Math.max(this.#bounds.min, this.#limit * BACKOFF);
  }
}
