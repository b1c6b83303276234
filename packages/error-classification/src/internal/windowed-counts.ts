interface Series {
  total: number;
  /** The newest bucket that was written. */
  newest: number;
  readonly ring: Uint32Array;
}

/** Counters by key over a ring of time buckets. Keys beyond the limit share one; memory is `limit` times the ring. */
export class WindowedCounts {
  readonly #series = new Map<string, Series>();
  readonly #buckets: number;
  readonly #limit: number;
  readonly #other: string;

  constructor(buckets: number, limit: number, other: string) {
    this.#buckets = buckets;
    this.#limit = limit;
    this.#other = other;
  }

  add(key: string, bucket: number): void {
    const series = this.#series.get(key) ?? this.#make(key, bucket);
    this.#advance(series, bucket);
    const index = bucket % this.#buckets;
    series.ring[index] = (series.ring[index] ?? 0) + 1;
    series.total++;
  }

  totals(): Record<string, number> {
    return Object.fromEntries([...this.#series].map(([key, { total }]) => [key, total]));
  }

  /** Counts of the buckets `first` to `last`, without keys that had none. */
  since(first: number, last: number): Record<string, number> {
    const result: Record<string, number> = {};
    for (const [key, series] of this.#series) {
      let sum = 0;
      // Buckets older than the ring have been overwritten, newer than the newest were never written.
      const oldest = Math.max(first, series.newest - this.#buckets + 1);
      for (let bucket = oldest; bucket <= Math.min(last, series.newest); bucket++) {
        sum += series.ring[bucket % this.#buckets] ?? 0;
      }
      if (sum > 0) result[key] = sum;
    }
    return result;
  }

  #make(key: string, bucket: number): Series {
    const name = this.#series.size < this.#limit ? key : this.#other;
    const existing = this.#series.get(name);
    if (existing !== undefined) return existing;
    const series: Series = { total: 0, newest: bucket, ring: new Uint32Array(this.#buckets) };
    this.#series.set(name, series);
    return series;
  }

  #advance(series: Series, bucket: number): void {
    const steps = Math.min(bucket - series.newest, this.#buckets);
    for (let step = 1; step <= steps; step++)
      series.ring[(series.newest + step) % this.#buckets] = 0;
    if (bucket > series.newest) series.newest = bucket;
  }
}
