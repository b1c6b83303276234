import type { CallOptions } from '@fournines/core';
import { Admission, SPARED } from './admission.ts';
import type { Circuit } from './circuit.ts';
import { isChosen, mayProbe } from './guarded.ts';
import type { Outcomes } from './outcomes.ts';
import type { Ramp } from './ramp.ts';
import { Refusals } from './refusals.ts';

const COMING_BACK = 'traffic is coming back, the next call may pass';

/** Who may come in. */
export class Entrance {
  readonly refusals: Refusals;
  readonly #circuit: Circuit;
  readonly #outcomes: Outcomes;
  #spared: Admission | undefined;

  constructor(circuit: Circuit, outcomes: Outcomes) {
    this.#circuit = circuit;
    this.#outcomes = outcomes;
    this.refusals = new Refusals(circuit.parts, circuit.counts);
  }

  /** Admits a call, or returns undefined and leaves the error in `refusals`. */
  admit(call: CallOptions | undefined): Admission | undefined {
    const circuit = this.#circuit;
    circuit.counts.calls += 1;
    if (!circuit.isPlain) return this.#admitSlowly(call);
    const now = circuit.time.coarse();
    if (this.#outcomes.tripsOnRunning(now)) return this.#admitSlowly(call);
    return this.#join(now);
  }

  #join(now: number): Admission {
    const circuit = this.#circuit;
    const { period } = circuit;
    const admission = period.currentAt(now) ?? this.#beginTick();
    admission.size += 1;
    circuit.inFlight += 1;
    return admission;
  }

  /**
   * Once in a tick. By the exact clock: the coarse one may lag behind by all that this turn of the
   * event loop has done before, which is no part of the call.
   */
  #beginTick(): Admission {
    const { parts, period, stalls, time } = this.#circuit;
    parts.home?.used();
    return period.beginTick(time.exact(), stalls.before());
  }

  #admitSlowly(call: CallOptions | undefined): Admission | undefined {
    const circuit = this.#circuit;
    if (circuit.isolation.isActive) return this.#refuse('isolated', Infinity);
    const now = circuit.time.exact();
    if (circuit.phase === 'closed') return this.#admitRamping(now, call, circuit.ramp);
    if (circuit.phase === 'open') {
      const remaining = circuit.openedAt + circuit.breakMs - now;
      if (remaining > 0) return this.#refuse('open', remaining);
      if (!mayProbe(circuit.settings, call)) return this.#refuse('open', circuit.decisionMs);
      const { fleet } = circuit;
      if (fleet?.mayProbe((ms) => circuit.waitForOthers(ms)) === false) {
        return this.#refuse('open', fleet.retryAfterMs);
      }
      // A lease may be given at once, and its news move the circuit.
      if (this.#isOpen()) circuit.halfOpen('open', 'probing');
    }
    return this.#admitProbe(now, call);
  }

  #isOpen(): boolean {
    return this.#circuit.phase === 'open';
  }

  #admitProbe(now: number, call: CallOptions | undefined): Admission | undefined {
    const circuit = this.#circuit;
    const { probes } = circuit;
    // A listener of the transition may have moved the circuit on.
    if (probes === undefined) return this.#admitSlowly(call);
    const stalled = circuit.stalls.total();
    probes.expire(now, stalled);
    this.#outcomes.decide(probes);
    if (circuit.probes !== probes) return this.#admitSlowly(call);
    if (!probes.hasRoom) return this.#refuse('half-open', probes.waitMs(now, stalled));
    if (!mayProbe(circuit.settings, call)) {
      return this.#refuse('half-open', circuit.decisionMs, 'this call may not be a probe');
    }
    const { fleet } = circuit;
    if (fleet?.mayProbe(() => {}) === false) return this.#refuse('half-open', fleet.retryAfterMs);
    fleet?.probes(circuit.leaseMs);
    circuit.inFlight += 1;
    return probes.send(now, circuit.stalls.before());
  }

  #admitRamping(
    now: number,
    call: CallOptions | undefined,
    ramp: Ramp | undefined,
  ): Admission | undefined {
    const circuit = this.#circuit;
    const isOver = ramp === undefined || ramp.isOver(now);
    if (isOver) circuit.endRamp();
    if (this.#outcomes.tripsOnRunning(now)) return this.#admitSlowly(call);
    if (isOver) return this.#join(now);
    const isAdmitted = isChosen(circuit.parts.random, ramp.share(now), false);
    // Chance decides anew about each call.
    return isAdmitted ? this.#join(now) : this.#refuse('half-open', 0, COMING_BACK);
  }

  #refuse(
    state: 'open' | 'half-open' | 'isolated',
    retryAfterMs: number,
    reason: string | undefined = this.#circuit.isolation.note,
  ): Admission | undefined {
    const circuit = this.#circuit;
    const refusal = { state, retryAfterMs, cause: circuit.cause, reason };
    if (this.refusals.refuse(circuit.settings.enforcement, refusal)) return undefined;
    circuit.inFlight += 1;
    return (this.#spared ??= new Admission(circuit, SPARED, 0, 0));
  }
}
