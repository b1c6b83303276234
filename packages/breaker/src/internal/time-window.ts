import type { ExportedWindow } from '../exported-circuit.ts';
import type { OutcomeWindow, Tally } from './outcome-window.ts';

/** Numbers per bucket: calls, failures, slow. */
const FIELDS = 3;

const EMPTY = new Uint32Array(0);

/**
 * The outcomes of the last `duration` milliseconds in steps of `duration / buckets`. A ring of
 * counters with running totals: whatever time passes between two calls, exactly the buckets that
 * are too old are subtracted, at most once each.
 */
export class TimeWindow implements OutcomeWindow {
  calls = 0;
  failures = 0;
  slow = 0;
  readonly #bucketMs: number;
  readonly #size: number;
  /** Made at the first outcome: of a group's breakers, many never see one. */
  #counts: Uint32Array = EMPTY;
  /** Made at the first failure: most windows never see one. */
  #categories: (Map<string, number> | undefined)[] | undefined;
  /** The newest bucket, counted from time 0, and the moment at which it ends. */
  #head = -Infinity;
  #headEnd = -Infinity;
  #slot = 0;

  constructor(duration: number, buckets: number) {
    this.#bucketMs = duration / buckets;
    this.#size = buckets;
  }

  record(now: number, failed: boolean, slow: boolean, category: string | undefined): void {
    if (now >= this.#headEnd) this.#advance(now);
    const counts = this.#counts;
    const slot = this.#slot;
    this.calls += 1;
    counts[slot] = (counts[slot] ?? 0) + 1;
    if (failed) {
      this.failures += 1;
      counts[slot + 1] = (counts[slot + 1] ?? 0) + 1;
      if (category !== undefined) this.#countCategory(category, this.#slot / FIELDS, 1);
    }
    if (slow) {
      this.slow += 1;
      counts[slot + 2] = (counts[slot + 2] ?? 0) + 1;
    }
  }

  expire(now: number): void {
    if (now >= this.#headEnd) this.#advance(now);
  }

  read(now: number): Tally {
    const tally = { calls: this.calls, failures: this.failures, slow: this.slow };
    const steps = this.#stepsTo(now);
    for (let step = 1; step <= steps; step++) {
      const slot = this.#slotOf(this.#head + step);
      tally.calls -= this.#counts[slot] ?? 0;
      tally.failures -= this.#counts[slot + 1] ?? 0;
      tally.slow -= this.#counts[slot + 2] ?? 0;
    }
    return tally;
  }

  categories(): Record<string, number> {
    const sum: Record<string, number> = {};
    for (const bucket of this.#categories ?? []) {
      for (const [category, count] of bucket ?? []) sum[category] = (sum[category] ?? 0) + count;
    }
    return sum;
  }

  clear(): void {
    this.calls = 0;
    this.failures = 0;
    this.slow = 0;
    this.#counts = EMPTY;
    this.#categories = undefined;
    this.#head = -Infinity;
    this.#headEnd = -Infinity;
  }

  exportAt(now: number): ExportedWindow {
    if (now >= this.#headEnd) this.#advance(now);
    const buckets = Array.from({ length: this.#size }, (_, age): [number, number, number] => {
      const slot = this.#slotOf(this.#head - age);
      return [this.#counts[slot] ?? 0, this.#counts[slot + 1] ?? 0, this.#counts[slot + 2] ?? 0];
    });
    return { kind: 'time', bucketMs: this.#bucketMs, buckets };
  }

  takeOver(now: number, former: OutcomeWindow): void {
    if (!(former instanceof TimeWindow)) return;
    this.importAt(now, former.exportAt(now), 0);
    const kept = former.#categories;
    if (kept === undefined) return;
    for (let index = 0; index < former.#size; index++) {
      const age = this.#ageOf(index * former.#bucketMs);
      if (age >= this.#size) return;
      const from = kept[former.#slotOf(former.#head - index) / FIELDS] ?? [];
      const to = this.#slotOf(this.#head - age) / FIELDS;
      for (const [category, count] of from) this.#countCategory(category, to, count);
    }
  }

  importAt(now: number, exported: ExportedWindow, ageMs: number): void {
    if (exported.kind !== 'time') return;
    this.#advance(now);
    exported.buckets.forEach(([calls, failures, slow], index) => {
      const age = this.#ageOf(index * exported.bucketMs + ageMs);
      if (age >= this.#size) return;
      const slot = this.#slotOf(this.#head - age);
      this.#counts[slot] = (this.#counts[slot] ?? 0) + calls;
      this.#counts[slot + 1] = (this.#counts[slot + 1] ?? 0) + failures;
      this.#counts[slot + 2] = (this.#counts[slot + 2] ?? 0) + slow;
      this.calls += calls;
      this.failures += failures;
      this.slow += slow;
    });
  }

  #advance(now: number): void {
    if (this.#counts === EMPTY) this.#counts = new Uint32Array(this.#size * FIELDS);
    const steps = this.#stepsTo(now);
    const counts = this.#counts;
    if (steps > 0) {
      const head = Math.floor(now / this.#bucketMs);
      for (let i = head - steps + 1; i <= head; i++) {
        const slot = this.#slotOf(i);
        this.calls -= counts[slot] ?? 0;
        this.failures -= counts[slot + 1] ?? 0;
        this.slow -= counts[slot + 2] ?? 0;
        counts.fill(0, slot, slot + FIELDS);
        if (this.#categories !== undefined) this.#categories[slot / FIELDS] = undefined;
      }
      this.#head = head;
      this.#slot = this.#slotOf(head);
    }
    this.#headEnd = (this.#head + 1) * this.#bucketMs;
  }

  /** How many buckets end their life when time moves on to `now`. */
  #stepsTo(now: number): number {
    if (now < this.#headEnd) return 0;
    return Math.min(this.#size, Math.max(0, Math.floor(now / this.#bucketMs) - this.#head));
  }

  #slotOf(bucket: number): number {
    return (((bucket % this.#size) + this.#size) % this.#size) * FIELDS;
  }

  /** How many buckets ago something happened. */
  #ageOf(ms: number): number {
    return Math.round(ms / this.#bucketMs);
  }

  #countCategory(category: string, index: number, count: number): void {
    this.#categories ??= new Array<Map<string, number> | undefined>(this.#size).fill(undefined);
    const bucket = (this.#categories[index] ??= new Map<string, number>());
    bucket.set(category, (bucket.get(category) ?? 0) + count);
  }
}
