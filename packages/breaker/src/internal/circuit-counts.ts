/** So many categories are told apart; a classifier that makes them up cannot fill the memory. */
const MOST_CATEGORIES = 64;
const OTHER = 'other';

/** What a breaker counts over its life. */
export class CircuitCounts {
  calls = 0;
  success = 0;
  slow = 0;
  ignored = 0;
  rejected = 0;
  /** Refusals that were not enforced. */
  spared = 0;
  late = 0;
  trips = 0;
  /** Trips that the group did not allow. */
  withheld = 0;
  /** Made at the first failure. */
  #failures: Map<string, number> | undefined;

  fail(category: string): void {
    const failures = (this.#failures ??= new Map<string, number>());
    const former = failures.get(category);
    if (former === undefined && failures.size >= MOST_CATEGORIES) {
      failures.set(OTHER, (failures.get(OTHER) ?? 0) + 1);
    } else {
      failures.set(category, (former ?? 0) + 1);
    }
  }

  get failures(): Record<string, number> {
    return Object.fromEntries(this.#failures ?? []);
  }
}
