import type { Clock } from '@fournines/core';
import { isSystemTime } from '@fournines/core/authoring';
import type { Admission } from './admission.ts';
import { type Watched, stalledMs, watchStalls } from './stall-meter.ts';

/** How one circuit discounts the standstills of the event loop. Only the system's own time can stall. */
export class Stalls {
  readonly #circuit: Watched;
  readonly #isOn: boolean;
  /** Where the meter stood when the total of this circuit was 0; while it is off, less the total. */
  readonly #from: number;

  /** @param former What it takes over from: what stood still before counts on, and no more than that. */
  constructor(circuit: Watched, clock: Clock, isWanted: boolean, former?: Stalls) {
    this.#circuit = circuit;
    this.#isOn = isWanted && isSystemTime(clock);
    const total = former?.total() ?? 0;
    this.#from = this.#isOn ? stalledMs() - total : -total;
  }

  /** For how long the loop has stood still in total, up to a call that starts now. */
  before(): number {
    if (this.#isOn) watchStalls(this.#circuit);
    return this.total();
  }

  /** For how long it has stood still in total. */
  total(): number {
    return (this.#isOn ? stalledMs() : 0) - this.#from;
  }

  /** Whether it stood still for more than half of the call: a timeout is our own fault then. */
  outweigh(admission: Admission, now: number): boolean {
    if (!this.#isOn) return false;
    const stalled = this.total() - admission.stalledBefore;
    return stalled > 0 && stalled * 2 > now - admission.startedAt;
  }
}
