import type { ExportedWindow } from '../exported-circuit.ts';
import type { OutcomeWindow, Tally } from './outcome-window.ts';

const FAILED = 1;
const SLOW = 2;
/** The category's number sits above the two flags. */
const CATEGORY_SHIFT = 2;

/** The outcomes of the last `size` calls: a ring of small integers with running totals. */
export class CountWindow implements OutcomeWindow {
  calls = 0;
  failures = 0;
  slow = 0;
  readonly #ring: Uint16Array;
  readonly #names: string[] = [];
  #next = 0;

  constructor(size: number) {
    this.#ring = new Uint16Array(size);
  }

  record(_now: number, failed: boolean, slow: boolean, category: string | undefined): void {
    const code = failed && category !== undefined ? this.#numberOf(category) << CATEGORY_SHIFT : 0;
    this.#push(code | (failed ? FAILED : 0) | (slow ? SLOW : 0));
  }

  expire(): void {}

  read(): Tally {
    return { calls: this.calls, failures: this.failures, slow: this.slow };
  }

  categories(): Record<string, number> {
    const sum: Record<string, number> = {};
    for (const outcome of this.#newestFirst()) {
      const name = this.#names[(outcome >> CATEGORY_SHIFT) - 1];
      if (name !== undefined) sum[name] = (sum[name] ?? 0) + 1;
    }
    return sum;
  }

  clear(): void {
    this.calls = 0;
    this.failures = 0;
    this.slow = 0;
    this.#next = 0;
  }

  exportAt(): ExportedWindow {
    return {
      kind: 'count',
      outcomes: this.#newestFirst().map((outcome) => outcome & (FAILED | SLOW)),
    };
  }

  takeOver(_now: number, former: OutcomeWindow): void {
    if (!(former instanceof CountWindow)) return;
    this.#names.push(...former.#names);
    for (const outcome of former.#newestFirst().slice(0, this.#ring.length).toReversed()) {
      this.#push(outcome);
    }
  }

  importAt(_now: number, exported: ExportedWindow): void {
    if (exported.kind !== 'count') return;
    for (const outcome of exported.outcomes.slice(0, this.#ring.length).toReversed()) {
      this.#push(outcome);
    }
  }

  #push(outcome: number): void {
    const ring = this.#ring;
    const next = this.#next;
    if (this.calls === ring.length) {
      const oldest = ring[next] ?? 0;
      this.failures -= oldest & FAILED;
      this.slow -= (oldest & SLOW) >> 1;
    } else {
      this.calls += 1;
    }
    ring[next] = outcome;
    this.#next = next + 1 === ring.length ? 0 : next + 1;
    this.failures += outcome & FAILED;
    this.slow += (outcome & SLOW) >> 1;
  }

  #newestFirst(): number[] {
    const { length } = this.#ring;
    return Array.from(
      { length: this.calls },
      (_, age) => this.#ring[(this.#next - 1 - age + 2 * length) % length] ?? 0,
    );
  }

  #numberOf(category: string): number {
    const known = this.#names.indexOf(category);
    return known === -1 ? this.#names.push(category) : known + 1;
  }
}
