/**
 * Leave that calls were given: all those that started in the same tick of the coarse clock and in
 * the same generation share one, so that admitting a call makes no object. A probe has its own.
 */
export class Admission {
  /** The circuit's generation when it was given: every transition begins a new one. */
  readonly generation: number;
  /** When its calls started. */
  readonly startedAt: number;
  /** How long the event loop had been stalled by then, in total. */
  readonly stalledBefore: number;
  /** How many of its calls are still running and unjudged. */
  size = 0;
  /** Whether its running calls count as slow already. */
  isOverdue = false;
  next: Admission | undefined = undefined;
  previous: Admission | undefined = undefined;
  /** The moment at which a probe counts as failed; undefined for a call that is no probe. */
  readonly leaseUntil: number | undefined;
  /** The probe's caller gave up: whatever comes of it says nothing. */
  isAbandoned = false;

  constructor(generation: number, startedAt: number, stalledBefore: number, leaseUntil?: number) {
    this.generation = generation;
    this.startedAt = startedAt;
    this.stalledBefore = stalledBefore;
    this.leaseUntil = leaseUntil;
  }
}

/** What a refused call has that was let through because refusals are not enforced. */
export const SPARED: Admission = new Admission(-1, 0, 0);

/** What an aborted call has: its verdict is passed, its end changes nothing. */
export const DONE: Admission = new Admission(-1, 0, 0);
