import type { Circuit } from './circuit.ts';

/** The generation of an aborted call: its verdict is passed, its end changes nothing. */
export const DONE = -2;

/** The generation of a call that was to be refused, but let through because refusals are not enforced. */
export const SPARED = -1;

/**
 * Leave that calls were given: all those that started in the same tick of the coarse clock and in
 * the same generation share one, so that admitting a call makes no object. A probe has its own.
 */
export class Admission {
  /** Who gave it. */
  readonly circuit: Circuit;
  /** The circuit's generation when it was given: every transition begins a new one. */
  readonly generation: number;
  /** When its calls started. */
  readonly startedAt: number;
  /** How long the event loop had been stalled by then, in total. */
  readonly stalledBefore: number;
  /** The moment at which a probe counts as failed; undefined for a call that is no probe. */
  readonly leaseUntil: number | undefined;
  /** How many of its calls are still running and unjudged. */
  size = 0;
  /** Whether its running calls count as slow already. */
  isOverdue = false;
  /** The probe's caller gave up: whatever comes of it says nothing. */
  isAbandoned = false;
  next: Admission | undefined = undefined;
  previous: Admission | undefined = undefined;

  constructor(
    circuit: Circuit,
    generation: number,
    startedAt: number,
    stalledBefore: number,
    leaseUntil?: number,
  ) {
    this.circuit = circuit;
    this.generation = generation;
    this.startedAt = startedAt;
    this.stalledBefore = stalledBefore;
    this.leaseUntil = leaseUntil;
  }
}
