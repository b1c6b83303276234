const BUCKETS = 10;

/** Tokens of the smaller side of an exchange: a ratio is kept to three digits without a float. */
const SCALE = 1_000;

/**
 * The arithmetic of a retry budget: whole tokens, in a ring of buckets. A deposit adds tokens to
 * the present bucket, a withdrawal takes them from it; a bucket that leaves the window takes both
 * along. The reserve never expires, so withdrawals against it come back with time.
 */
export class BudgetWindow {
  readonly #deposit: number;
  readonly #withdrawal: number;
  readonly #reserve: number;
  readonly #bucketMs: number;
  readonly #buckets: number[] = new Array<number>(BUCKETS).fill(0);
  /** What the buckets hold together. */
  #total = 0;
  /** What the present bucket holds: it joins the ring when the next one begins. */
  #present = 0;
  /** The present bucket, counted since time 0. */
  #current = -Infinity;
  /** The first moment that is no longer the present bucket's: spares a division per deposit. */
  #currentEnds = -Infinity;

  constructor(ratio: number, minPerSecond: number, ttl: number) {
    const isRare = ratio <= 1;
    this.#deposit = ratio === 0 ? 0 : Math.round(isRare ? SCALE : SCALE * ratio);
    this.#withdrawal = Math.round(isRare && ratio > 0 ? SCALE / ratio : SCALE);
    this.#reserve = Math.floor((minPerSecond * ttl) / 1_000) * this.#withdrawal;
    this.#bucketMs = ttl / BUCKETS;
  }

  deposit(now: number): void {
    if (now >= this.#currentEnds) this.#expire(now);
    this.#present += this.#deposit;
  }

  tryWithdraw(now: number): boolean {
    if (this.#tokens(now) < this.#withdrawal) return false;
    this.#present -= this.#withdrawal;
    return true;
  }

  refund(now: number): void {
    if (now >= this.#currentEnds) this.#expire(now);
    this.#present += this.#withdrawal;
  }

  balance(now: number): number {
    return Math.max(0, Math.floor(this.#tokens(now) / this.#withdrawal));
  }

  #tokens(now: number): number {
    if (now >= this.#currentEnds) this.#expire(now);
    return this.#total + this.#present + this.#reserve;
  }

  /** Begins a new bucket, and drops what has left the window: at most one turn of the ring. */
  #expire(now: number): void {
    const bucket = Math.floor(now / this.#bucketMs);
    if (this.#current !== -Infinity) {
      this.#buckets[this.#current % BUCKETS] = this.#present;
      this.#total += this.#present;
      this.#present = 0;
    }
    const first = Math.max(this.#current + 1, bucket - BUCKETS + 1);
    for (let expired = first; expired <= bucket; expired++) {
      const slot = expired % BUCKETS;
      this.#total -= this.#buckets[slot] ?? 0;
      this.#buckets[slot] = 0;
    }
    this.#current = bucket;
    this.#currentEnds = (bucket + 1) * this.#bucketMs;
  }
}
