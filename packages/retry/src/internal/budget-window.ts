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
  #total = 0;
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
    if (this.#deposit !== 0) this.#add(now, this.#deposit);
  }

  tryWithdraw(now: number): boolean {
    this.#expire(now);
    if (this.#total + this.#reserve < this.#withdrawal) return false;
    this.#add(now, -this.#withdrawal);
    return true;
  }

  refund(now: number): void {
    this.#add(now, this.#withdrawal);
  }

  balance(now: number): number {
    this.#expire(now);
    return Math.max(0, Math.floor((this.#total + this.#reserve) / this.#withdrawal));
  }

  #add(now: number, tokens: number): void {
    this.#expire(now);
    const slot = this.#current % BUCKETS;
    this.#buckets[slot] = (this.#buckets[slot] ?? 0) + tokens;
    this.#total += tokens;
  }

  /** Drops what has left the window: at most one turn of the ring. */
  #expire(now: number): void {
    if (now < this.#currentEnds) return;
    const bucket = Math.floor(now / this.#bucketMs);
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
