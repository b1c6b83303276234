import type { TripWindow } from '../trip-report.ts';
import { Admission } from './admission.ts';
import type { Circuit } from './circuit.ts';

/** What the probes have decided. */
export type ProbeDecision = 'close' | 'reopen' | undefined;

/**
 * The half-open state: a few probes, each on a lease, and a decision as soon as it is certain.
 * Probes that say nothing give their place back.
 */
export class Probes {
  failures = 0;
  successes = 0;
  slow = 0;
  /** The failures by category. */
  readonly categories: Record<string, number> = {};
  readonly #circuit: Circuit;
  readonly #generation: number;
  readonly #permitted: number;
  readonly #failuresToReopen: number;
  readonly #lease: number;
  /** Those that are out, in the order of their start and so of their leases. */
  readonly #out = new Set<Admission>();

  constructor(
    circuit: Circuit,
    generation: number,
    permitted: number,
    failureRate: number,
    lease: number,
  ) {
    this.#circuit = circuit;
    this.#generation = generation;
    this.#permitted = permitted;
    this.#failuresToReopen = leastFailures(permitted, failureRate);
    this.#lease = lease;
  }

  get hasRoom(): boolean {
    return this.#out.size + this.failures + this.successes < this.#permitted;
  }

  send(now: number, stalled: number): Admission {
    const probe = new Admission(this.#circuit, this.#generation, now, stalled, now + this.#lease);
    this.#out.add(probe);
    return probe;
  }

  /** The outcome of a probe; false when its lease had ended and it is judged already. */
  settle(probe: Admission, failed: boolean, slow: boolean, category?: string): boolean {
    if (!this.#out.delete(probe)) return false;
    if (failed || slow) this.#fail(category ?? 'slow');
    else this.successes += 1;
    if (slow) this.slow += 1;
    return true;
  }

  /** A probe that says nothing: its place is free again. False when its lease had ended. */
  giveBack(probe: Admission): boolean {
    return this.#out.delete(probe);
  }

  /**
   * Ends the leases that are over: such a probe failed, unless its caller gave it up. While the event
   * loop stood still (`stalled` in total) no answer could come: a lease is longer by that.
   */
  expire(now: number, stalled: number): void {
    for (const probe of this.#out) {
      if (now < leaseEnd(probe, stalled)) return;
      this.#out.delete(probe);
      if (!probe.isAbandoned) this.#fail('timeout');
    }
  }

  #fail(category: string): void {
    this.failures += 1;
    this.categories[category] = (this.categories[category] ?? 0) + 1;
  }

  /** What the decision looks at. */
  get numbers(): TripWindow {
    const { failures, slow } = this;
    const calls = failures + this.successes;
    return { calls, failures, slow, slowInFlight: 0, unanswered: 0, consecutiveFailures: 0 };
  }

  get decision(): ProbeDecision {
    if (this.failures >= this.#failuresToReopen) return 'reopen';
    if (this.successes > this.#permitted - this.#failuresToReopen) return 'close';
    return undefined;
  }

  /** Milliseconds until a place is free at the latest. */
  waitMs(now: number, stalled: number): number {
    if (this.hasRoom) return 0;
    for (const probe of this.#out) return Math.max(0, leaseEnd(probe, stalled) - now);
    return 0;
  }
}

function leaseEnd({ leaseUntil = Infinity, stalledBefore }: Admission, stalled: number): number {
  return leaseUntil + Math.max(0, stalled - stalledBefore);
}

/** The smallest number of failures that reaches the rate. */
function leastFailures(permitted: number, rate: number): number {
  let failures = 1;
  while (failures / permitted < rate) failures += 1;
  return failures;
}
