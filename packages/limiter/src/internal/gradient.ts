import { chanceOf } from './chance.ts';
import type { Bounds, Concurrency } from './concurrency.ts';

/** How many durations make one decision, and how few do when they are slow to come. */
const WINDOW = 64;
const FEWEST = 16;
const LONGEST_MS = 1_000;
/** How much slower than unhindered calls may be before the limit goes down. */
const TOLERANCE = 1.15;
/** The share of a new finding in the next limit. */
const SMOOTHING = 0.5;
/** Within this share, two medians of {@link WINDOW} durations count as equal. */
const NOISE = 0.12;
/**
 * A shorter call took this long: a clock that only knows whole milliseconds, or that was set back
 * meanwhile, says that it took no time or less, and nothing can be measured against that.
 */
const SHORTEST_MS = 0.01;
const PROBE_EVERY_MS = 30_000;
/** A probe may take one fiftieth of the time. */
const PROBE_SHARE = 50;
const BACKOFF = 0.9;
/** A limit counts as in use when this share of it is. */
const IN_USE = 0.8;
/** Windows between two probes that findings ask for. */
const REST = 4;

/**
 * Finds the concurrency above which calls only wait for each other (the knee), from durations
 * alone: `limit · clamp(tolerance · unhindered / median) + √limit`, the gradient of Envoy's
 * adaptive concurrency filter. Its fixed point is about `1.15 · knee + √knee`.
 *
 * How it stays free of drift. A running average of durations takes in the queue that the limit
 * itself makes, and both climb together. Here the duration of an unhindered call is only measured
 * by a *probe*: concurrency is halved until the median no longer falls. At the start the calls of
 * the first decision stand in, and the limit doubles until calls wait for each other. A probe
 * follows soon and takes nothing for granted, for those calls may have waited already; then every half minute while the limit is in use, and at once when findings
 * contradict the last: calls are much faster than unhindered ones were, or the limit was halved and
 * calls are no faster for it. It starts from the concurrency that is in use, not from the limit, so
 * that it does slow something down.
 *
 * A decision is made of the calls that were admitted after the last one: it sees its own effect, so
 * a service with calls of 10 s is steered as calmly as one with calls of 1 ms. While decisions come
 * fast only one call in up to eight is timed.
 */
export class Gradient implements Concurrency {
  readonly #bounds: Bounds;
  readonly #random: () => number;
  #limit: number;

  readonly #durations: Float64Array = new Float64Array(WINDOW);
  #count = 0;
  #openedAt = Number.NaN;
  #peak = 0;
  /** Calls up to this number started before the last decision. */
  #decidedAt = 0;
  #latest = 0;
  #stride = 1;
  #untimed = 0;

  /** Until calls first wait for each other, the limit doubles. */
  #isStarting = true;
  /** The median duration of unhindered calls; NaN before the first decision. */
  #unhindered = Number.NaN;
  /** Whether a probe has measured it: what the first decision found may have waited already. */
  #isMeasured = false;
  /** While probing: the median at twice the concurrency, and what the limit was. */
  #former = Number.NaN;
  #limitBefore = 0;
  #medianBefore = Number.NaN;
  #isProbing = false;
  #probeStartedAt = 0;
  #nextProbeAt = 0;
  #sinceProbe = 0;
  #fasterWindows = 0;
  /** The largest limit since the last probe. */
  #highest = 0;

  constructor(bounds: Bounds, random: () => number) {
    this.#bounds = bounds;
    this.#random = random;
    this.#limit = bounds.initial;
  }

  get limit(): number {
    return this.#limit;
  }

  wantsTime(): boolean {
    this.#latest += 1;
    this.#untimed += 1;
    if (this.#untimed < this.#stride) return false;
    this.#untimed = 0;
    return true;
  }

  accepted(number: number, durationMs: number, inFlight: number, now: number): void {
    if (Number.isNaN(durationMs) || number <= this.#decidedAt) return;
    if (this.#count === 0) this.#openedAt = now;
    if (inFlight > this.#peak) this.#peak = inFlight;
    this.#durations[this.#count] = Math.max(SHORTEST_MS, durationMs);
    this.#count += 1;
    const isFull = this.#count === WINDOW;
    if (!isFull && (this.#count < FEWEST || now - this.#openedAt < LONGEST_MS)) return;
    const median = medianOf(this.#durations.subarray(0, this.#count));
    const peak = this.#peak;
    this.#pace(now - this.#openedAt);
    this.#count = 0;
    this.#peak = 0;
    if (this.#isProbing) this.#probed(median, now);
    else this.#decide(median, peak, now);
    this.#decidedAt = this.#latest;
  }

  overloaded(number: number): void {
    if (number <= this.#decidedAt) return;
    this.#decidedAt = this.#latest;
    this.#count = 0;
    this.#peak = 0;
    this.#isProbing = false;
    this.#isStarting = false;
    this.#set(this.#limit * BACKOFF);
  }

  #decide(median: number, peak: number, now: number): void {
    if (Number.isNaN(this.#unhindered)) this.#unhindered = median;
    this.#sinceProbe += 1;
    if (this.#isProbeDue(median, peak, now)) {
      this.#startProbe(median, peak, now);
      return;
    }
    // Less than half of the limit is used: what is measured says nothing about the limit.
    if (peak * 2 < this.#limit) return;
    if (this.#isStarting && median <= this.#unhindered * TOLERANCE) {
      this.#set(this.#limit * 2);
      this.#highest = this.#limit;
      return;
    }
    this.#isStarting = false;
    const gradient = clamp((TOLERANCE * this.#unhindered) / median, 0.5, TOLERANCE);
    const found = this.#limit * gradient + Math.sqrt(this.#limit);
    this.#set(this.#limit + (found - this.#limit) * SMOOTHING);
    this.#highest = Math.max(this.#highest, this.#limit);
  }

  #isProbeDue(median: number, peak: number, now: number): boolean {
    this.#fasterWindows = median < this.#unhindered * 0.7 ? this.#fasterWindows + 1 : 0;
    // A limit that holds nobody back needs no probe, which would.
    if (this.#isStarting || this.#sinceProbe < REST || peak < this.#limit * IN_USE) return false;
    if (now >= this.#nextProbeAt || this.#fasterWindows >= 2) return true;
    const isSlow = median > this.#unhindered * TOLERANCE;
    return isSlow && this.#limit <= Math.max(this.#highest / 2, this.#bounds.min);
  }

  #startProbe(median: number, peak: number, now: number): void {
    this.#isProbing = true;
    this.#probeStartedAt = now;
    this.#limitBefore = this.#limit;
    this.#medianBefore = median;
    this.#former = median;
    this.#set(Math.min(this.#limit, peak) / 2);
  }

  /** The median at half the concurrency is known. */
  #probed(median: number, now: number): void {
    const { min } = this.#bounds;
    const isAsBefore =
      this.#isMeasured && Math.abs(median - this.#unhindered) <= this.#unhindered * NOISE;
    const fell = median < this.#former * (1 - NOISE);
    if (!isAsBefore && fell && this.#limit > min) {
      this.#former = median;
      this.#set(this.#limit / 2);
      return;
    }
    // Two measures of the same thing are less noisy than one.
    if (isAsBefore) this.#unhindered = (this.#unhindered + median) / 2;
    else this.#unhindered = fell ? median : (median + this.#former) / 2;
    this.#isMeasured = true;
    this.#isProbing = false;
    this.#sinceProbe = 0;
    const pause = Math.max(PROBE_EVERY_MS, (now - this.#probeStartedAt) * PROBE_SHARE);
    this.#nextProbeAt =
      now + pause * (0.75 + chanceOf(this.#random, 'adaptiveLimit: random', 0.5) / 2);
    const gradient = clamp((TOLERANCE * this.#unhindered) / this.#medianBefore, 0.1, 1);
    this.#set(this.#limitBefore * gradient);
    this.#highest = this.#limit;
  }

  #set(limit: number): void {
    this.#limit = clamp(limit, this.#bounds.min, this.#bounds.max);
  }

  /** Times fewer calls while windows fill fast, more when they fill slowly. */
  #pace(tookMs: number): void {
    if (tookMs < 100 && this.#stride < 8) this.#stride *= 2;
    else if (tookMs > 400 && this.#stride > 1) this.#stride /= 2;
  }
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}

/** Sorts in place. */
function medianOf(durations: Float64Array): number {
  durations.sort();
  return durations[durations.length >>> 1] ?? Number.NaN;
}
