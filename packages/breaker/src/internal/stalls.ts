import type { Clock } from '@fournines/core';
import { isSystemTime } from '@fournines/core/authoring';
import type { Admission } from './admission.ts';
import { type Watched, stalledMs, watchStalls } from './stall-meter.ts';

/** How one circuit discounts the standstills of the event loop. Only the system's own time can stall. */
export class Stalls {
  readonly #circuit: Watched;
  readonly #isOn: boolean;

  constructor(circuit: Watched, clock: Clock, isWanted: boolean) {
    this.#circuit = circuit;
    this.#isOn = isWanted && isSystemTime(clock);
  }

  /** For how long the loop has stood still in total, up to a call that starts now. */
  before(): number {
    if (!this.#isOn) return 0;
    watchStalls(this.#circuit);
    return stalledMs();
  }

  /** For how long it has stood still in total. */
  total(): number {
    return this.#isOn ? stalledMs() : 0;
  }

  /** Whether it stood still for more than half of the call: a timeout is our own fault then. */
  outweigh(admission: Admission, now: number): boolean {
    if (!this.#isOn) return false;
    const stalled = stalledMs() - admission.stalledBefore;
    return stalled > 0 && stalled * 2 > now - admission.startedAt;
  }
}
