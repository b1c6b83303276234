/** Values are kept in sixteenths of a millisecond … */
const UNITS_PER_MS = 16;
/** … with five significant bits: 6 % of error, up to 37 hours. */
const SUB_BUCKETS = 16;
const BUCKETS = 448;
const LARGEST = 2 ** 31 - 1;

const SLICES = 6;
const SLICE_MS = 5_000;

/** How long a quantile that was looked up is good for. */
const FRESH_MS = 1_000;

/**
 * The latencies of the last 30 seconds, in a log-linear histogram: six slices of five seconds and
 * their sum. Recording is O(1); a quantile is looked up once a second.
 */
export class LatencyWindow {
  readonly #quantile: number;
  readonly #warmup: number;
  readonly #sum = new Uint32Array(BUCKETS);
  readonly #slices: readonly Uint32Array[] = Array.from(
    { length: SLICES },
    () => new Uint32Array(BUCKETS),
  );
  #count = 0;
  /** The present slice, counted since time 0. */
  #current = -Infinity;
  #value: number | undefined;
  #freshUntil = -Infinity;

  /**
   * @param quantile Which quantile {@link value} returns, 0..1.
   * @param warmup How many values it takes.
   */
  constructor(quantile: number, warmup: number) {
    this.#quantile = quantile;
    this.#warmup = warmup;
  }

  record(latencyMs: number, now: number): void {
    this.#expire(now);
    const bucket = bucketOf(latencyMs);
    this.#sum[bucket] = (this.#sum[bucket] ?? 0) + 1;
    const slice = this.#slices[this.#current % SLICES];
    if (slice !== undefined) slice[bucket] = (slice[bucket] ?? 0) + 1;
    this.#count += 1;
  }

  /** The quantile in milliseconds, rounded up by at most 6 %; undefined while too few values are known. */
  value(now: number): number | undefined {
    if (now < this.#freshUntil) return this.#value;
    this.#expire(now);
    if (this.#count < this.#warmup) return undefined;
    this.#freshUntil = now + FRESH_MS;
    this.#value = this.#lookUp();
    return this.#value;
  }

  #lookUp(): number {
    let left = Math.ceil(this.#quantile * this.#count);
    let bucket = 0;
    for (; bucket < BUCKETS - 1; bucket++) {
      left -= this.#sum[bucket] ?? 0;
      if (left <= 0) break;
    }
    return upperBoundOf(bucket);
  }

  #expire(now: number): void {
    const slice = Math.floor(now / SLICE_MS);
    if (slice === this.#current) return;
    const first = Math.max(this.#current + 1, slice - SLICES + 1);
    for (let expired = first; expired <= slice; expired++) this.#drop(expired % SLICES);
    this.#current = slice;
  }

  #drop(index: number): void {
    const slice = this.#slices[index];
    if (slice === undefined) return;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      const count = slice[bucket] ?? 0;
      if (count === 0) continue;
      this.#sum[bucket] = (this.#sum[bucket] ?? 0) - count;
      this.#count -= count;
      slice[bucket] = 0;
    }
  }
}

function bucketOf(latencyMs: number): number {
  const units = Math.min(LARGEST, Math.max(0, Math.floor(latencyMs * UNITS_PER_MS)));
  if (units < 2 * SUB_BUCKETS) return units;
  const shift = 27 - Math.clz32(units);
  return shift * SUB_BUCKETS + (units >>> shift);
}

function upperBoundOf(bucket: number): number {
  if (bucket < 2 * SUB_BUCKETS) return (bucket + 1) / UNITS_PER_MS;
  const shift = Math.floor(bucket / SUB_BUCKETS) - 1;
  return (((bucket % SUB_BUCKETS) + SUB_BUCKETS + 1) * 2 ** shift) / UNITS_PER_MS;
}
