const BUCKETS = 12;

/**
 * How many requests there were in the last `duration` milliseconds, and how many of them were
 * accepted. A ring of buckets that expire by the time that has passed, however long nobody looked.
 */
export class RequestWindow {
  readonly #bucketMs: number;
  readonly #requests: Float64Array = new Float64Array(BUCKETS);
  readonly #accepts: Float64Array = new Float64Array(BUCKETS);
  #head = 0;
  /** How many there were, as of the last look. */
  requests: number = 0;
  /** How many of them were accepted. */
  accepts: number = 0;

  constructor(duration: number) {
    this.#bucketMs = duration / BUCKETS;
  }

  /** Counts one that comes now. */
  add(now: number, accepted: boolean): void {
    this.expire(now);
    const place = this.#head % BUCKETS;
    this.#requests[place] = (this.#requests[place] ?? 0) + 1;
    this.requests += 1;
    if (!accepted) return;
    this.#accepts[place] = (this.#accepts[place] ?? 0) + 1;
    this.accepts += 1;
  }

  /** Drops what is too old. A time before the last one is taken as the last one. */
  expire(now: number): void {
    const index = Math.floor(now / this.#bucketMs);
    const passed = Math.min(BUCKETS, index - this.#head);
    if (passed <= 0) return;
    for (let i = 1; i <= passed; i++) {
      const place = (index - passed + i) % BUCKETS;
      this.requests -= this.#requests[place] ?? 0;
      this.accepts -= this.#accepts[place] ?? 0;
      this.#requests[place] = 0;
      this.#accepts[place] = 0;
    }
    this.#head = index;
  }
}
