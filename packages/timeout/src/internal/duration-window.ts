/** Durations are kept in sixteenths of a millisecond … */
const UNITS_PER_MS = 16;
/** … with five significant bits: 3 % of error, up to 37 hours. */
const SUB_BUCKETS = 16;
const BUCKETS = 448;
const LARGEST = 2 ** 31 - 1;

const SLICES = 6;
const SLICE_MS = 10_000;

/** So many calls of a slice are measured one by one … */
const MEASURED_SINGLY = 1_000;
/** … of the rest every 17th, for all 17. A prime: it keeps in step with no pattern of calls. */
const STRIDE = 17;

/** Percentiles of durations, in milliseconds. */
export interface Percentiles {
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
}

/**
 * The durations of the last 60 seconds in six log-linear histograms of 10 seconds each: 11 kB,
 * whatever comes. A call costs a countdown: measuring one takes a read of the exact clock, so that
 * in a busy slice one of 17 is measured, and weighs 17.
 */
export class DurationWindow {
  readonly #buckets: Uint32Array = new Uint32Array(SLICES * BUCKETS);
  /** The present slice, counted since time 0. */
  #slice = -Infinity;
  /** How many calls were measured in the present slice. */
  #measured = 0;
  /** What the next call that is measured stands for. */
  #weight = 1;
  #toSkip = 0;

  /** Whether this call is one to be measured: counts it. */
  isDue(): boolean {
    if (this.#toSkip === 0) return true;
    this.#toSkip -= 1;
    return false;
  }

  /** Takes a duration that was due. */
  record(durationMs: number, now: number): void {
    const weight = this.#weight;
    this.#expire(now);
    const at = (this.#slice % SLICES) * BUCKETS + bucketOf(durationMs);
    this.#buckets[at] = (this.#buckets[at] ?? 0) + weight;
    this.#measured += 1;
    this.#weight = this.#measured < MEASURED_SINGLY ? 1 : STRIDE;
    this.#toSkip = this.#weight - 1;
  }

  /** The percentiles, each within 3 %; undefined when nothing was measured lately. */
  percentiles(now: number): Percentiles | undefined {
    this.#expire(now);
    const sums = new Float64Array(BUCKETS);
    let total = 0;
    this.#buckets.forEach((count, at) => {
      const bucket = at % BUCKETS;
      sums[bucket] = (sums[bucket] ?? 0) + count;
      total += count;
    });
    if (total === 0) return undefined;
    return {
      p50Ms: quantileOf(sums, total, 0.5),
      p95Ms: quantileOf(sums, total, 0.95),
      p99Ms: quantileOf(sums, total, 0.99),
    };
  }

  #expire(now: number): void {
    const slice = Math.floor(now / SLICE_MS);
    if (slice === this.#slice) return;
    // A test's clock may stand behind the one before it.
    if (slice < this.#slice) this.#buckets.fill(0);
    const first = Math.max(this.#slice + 1, slice - SLICES + 1);
    for (let expired = first; expired <= slice; expired++) {
      const at = (expired % SLICES) * BUCKETS;
      this.#buckets.fill(0, at, at + BUCKETS);
    }
    this.#slice = slice;
    this.#measured = 0;
  }
}

function quantileOf(sums: Float64Array, total: number, share: number): number {
  let left = Math.ceil(share * total);
  let bucket = 0;
  for (; bucket < BUCKETS - 1; bucket++) {
    left -= sums[bucket] ?? 0;
    if (left <= 0) break;
  }
  return middleOf(bucket);
}

function bucketOf(durationMs: number): number {
  const units = Math.min(LARGEST, Math.max(0, Math.floor(durationMs * UNITS_PER_MS)));
  if (units < 2 * SUB_BUCKETS) return units;
  const shift = 27 - Math.clz32(units);
  return shift * SUB_BUCKETS + (units >>> shift);
}

function middleOf(bucket: number): number {
  if (bucket < 2 * SUB_BUCKETS) return (bucket + 0.5) / UNITS_PER_MS;
  const shift = Math.floor(bucket / SUB_BUCKETS) - 1;
  return (((bucket % SUB_BUCKETS) + SUB_BUCKETS + 0.5) * 2 ** shift) / UNITS_PER_MS;
}
