import { BrokenCircuitError } from '@fournines/core';
import { withoutStack } from '@fournines/core/authoring';
import type { CircuitCounts } from './circuit-counts.ts';
import type { CircuitParts } from './circuit-parts.ts';
import { isChosen } from './guarded.ts';

/** What a refusal says. */
export interface Refusal {
  readonly state: 'open' | 'half-open' | 'isolated';
  readonly retryAfterMs: number;
  readonly cause: unknown;
  readonly reason: string | undefined;
}

/** Makes refusals, carries out the share of them that is to be enforced, and tells of them. */
export class Refusals {
  /** The last one. */
  last: BrokenCircuitError | undefined;
  readonly #parts: CircuitParts;
  readonly #counts: CircuitCounts;

  constructor(parts: CircuitParts, counts: CircuitCounts) {
    this.#parts = parts;
    this.#counts = counts;
  }

  /** Returns whether the call is refused. The error is a new one each time, without a stack. */
  refuse(enforcement: number, refusal: Refusal): boolean {
    const { name, clock, random, events } = this.#parts;
    const { state, retryAfterMs } = refusal;
    const enforced =
      enforcement === 1 ||
      state === 'isolated' ||
      (enforcement > 0 && isChosen(random, enforcement, true));
    if (enforced) this.#counts.rejected += 1;
    else this.#counts.spared += 1;
    const error = withoutStack(() => new BrokenCircuitError(name, refusal));
    if (events.wants('reject')) {
      events.emit({ type: 'reject', at: clock.now(), error, state, retryAfterMs, enforced });
    }
    // After the listeners: one that calls again is refused for its own part.
    this.last = error;
    return enforced;
  }
}
