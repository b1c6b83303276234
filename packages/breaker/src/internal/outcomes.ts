import { isResilienceError } from '@fournines/core';
import { Admission, DONE, SPARED } from './admission.ts';
import type { Circuit } from './circuit.ts';
import { askedPause } from './guarded.ts';
import { VALUE_CATEGORY } from './judge.ts';
import type { Probes } from './probes.ts';
import { brokenRule } from './trip-rules.ts';

const TIMEOUT = 'timeout';

/** The categories of failures by which the dependency said nothing: time ran out, by whoever's clock. */
const UNANSWERED: ReadonlySet<string | undefined> = new Set([TIMEOUT, 'cancelled']);

/** What becomes of a call: judged, counted, and put to the rules of the present state. */
export class Outcomes {
  readonly #circuit: Circuit;
  #done: Admission | undefined;

  constructor(circuit: Circuit) {
    this.#circuit = circuit;
  }

  success(admission: Admission, value: unknown): void {
    const circuit = this.#circuit;
    circuit.inFlight -= 1;
    if (circuit.isPlain && admission.generation === circuit.generation) {
      const { settings } = circuit;
      // The usual case, in few steps: nobody judges the value, the circuit is closed, and so it stays.
      if (settings.judgesNoValue) return this.#recordWell(admission, settings.slowCallDuration);
    }
    if (this.#isJudged(admission)) return;
    const { judge, openOn } = circuit.settings;
    const failed = judge.isFailure !== undefined && judge.isFailure(value);
    const pauseMs = openOn && askedPause(openOn, { ok: true, value });
    this.#record(admission, failed, failed ? VALUE_CATEGORY : undefined, undefined, pauseMs);
    if (pauseMs !== undefined) this.#pause(admission, pauseMs, undefined);
  }

  failure(admission: Admission, error: unknown): void {
    const circuit = this.#circuit;
    circuit.inFlight -= 1;
    if (this.#isJudged(admission)) return;
    const { judge, openOn } = circuit.settings;
    const { verdict, category } = judge.error(error);
    const pauseMs = openOn && askedPause(openOn, { ok: false, error });
    if (verdict === 'ignore' || (UNANSWERED.has(category) && this.#wasStalled(admission))) {
      this.#ignore(admission);
    } else {
      const failed = verdict === 'failure';
      this.#record(admission, failed, failed ? category : undefined, error, pauseMs);
    }
    if (pauseMs !== undefined) this.#pause(admission, pauseMs, error);
  }

  /** The call is over and says nothing. */
  ignore(admission: Admission): void {
    this.#circuit.inFlight -= 1;
    if (admission.generation !== DONE) this.#ignore(admission);
  }

  /**
   * The call was aborted from further out, and its verdict is passed now: ignored, unless a timeout
   * of ours ran out on a call that had been running long enough. Returns the admission that it goes on with.
   */
  abandon(admission: Admission, reason: unknown, neverStarted: boolean): Admission {
    if (admission.generation === DONE) return admission;
    const timeoutMs = neverStarted ? undefined : timeoutOf(reason);
    if (timeoutMs !== undefined && this.#ranLongEnough(admission, timeoutMs)) {
      this.#record(admission, true, TIMEOUT, reason);
    } else if (
      admission.leaseUntil !== undefined &&
      admission.generation === this.#circuit.generation
    ) {
      // A probe keeps its place while its work goes on.
      admission.isAbandoned = true;
      return admission;
    } else {
      this.#ignore(admission);
    }
    return (this.#done ??= new Admission(this.#circuit, DONE, 0, 0));
  }

  /** Puts calls that have become slow while they run to the rules; returns whether that opened it. */
  tripsOnRunning(now: number): boolean {
    const { period, stalls } = this.#circuit;
    if (!period.mayHaveSlowed(now) || !period.lookForSlow(now, stalls.total())) return false;
    period.expire(now);
    this.#judge();
    return this.#circuit.phase !== 'closed';
  }

  /** Does what the probes have decided. Who asked for a pause does not close it. */
  decide(probes: Probes, exemplar?: unknown, pauseMs?: number): void {
    const circuit = this.#circuit;
    const { decision } = probes;
    if (decision === 'reopen') circuit.open('half-open', probes.numbers, exemplar, pauseMs);
    if (decision !== 'close' || pauseMs !== undefined) return;
    circuit.close(circuit.settings.ramp);
    circuit.told?.closed();
    circuit.announce('half-open', 'recovered');
  }

  #isJudged(admission: Admission): boolean {
    if (admission.isAbandoned) this.#ignore(admission);
    return admission.isAbandoned || admission.generation === DONE;
  }

  #record(
    admission: Admission,
    failed: boolean,
    category: string | undefined,
    error: unknown,
    pauseMs?: number,
  ): void {
    const circuit = this.#circuit;
    const { counts } = circuit;
    if (failed) counts.fail(category ?? 'unknown');
    else counts.success += 1;
    if (this.#isOfThePast(admission)) return;
    const now = circuit.time.coarse();
    const slow = this.#isSlow(admission, now);
    if (slow) counts.slow += 1;
    const exemplar = failed ? error : undefined;
    const { probes } = circuit;
    if (probes === undefined) {
      circuit.period.leave(admission, !failed || !UNANSWERED.has(category));
      this.#recordClosed(now, failed, slow, category);
      if (!circuit.period.isSpotless) this.#judge(exemplar, pauseMs);
      return;
    }
    if (!probes.settle(admission, failed, slow, category)) counts.late += 1;
    this.decide(probes, exemplar, pauseMs);
  }

  #recordWell(admission: Admission, slowCallDuration: number): void {
    const circuit = this.#circuit;
    const now = circuit.time.coarse();
    if (now - admission.startedAt >= slowCallDuration) {
      this.#record(admission, false, undefined, undefined);
      return;
    }
    circuit.counts.success += 1;
    circuit.period.leave(admission, true);
    this.#recordClosed(now, false, false, undefined);
    if (!circuit.period.isSpotless) this.#judge();
  }

  #recordClosed(now: number, failed: boolean, slow: boolean, category: string | undefined): void {
    const { period, stalls } = this.#circuit;
    period.record(now, failed, slow, category);
    if (period.mayHaveSlowed(now)) period.lookForSlow(now, stalls.total());
  }

  #ignore(admission: Admission): void {
    const circuit = this.#circuit;
    circuit.counts.ignored += 1;
    if (this.#isOfThePast(admission)) return;
    if (circuit.probes === undefined) circuit.period.leave(admission, false);
    else circuit.probes.giveBack(admission);
  }

  /** Whether it was admitted in a former state, or against the circuit's will: then it moves nothing. */
  #isOfThePast(admission: Admission): boolean {
    const circuit = this.#circuit;
    if (admission.generation === circuit.generation) return false;
    if (admission.generation !== SPARED) circuit.counts.late += 1;
    return true;
  }

  /** Whether a call that an outer timeout ended had its chance. */
  #ranLongEnough(admission: Admission, timeoutMs: number): boolean {
    if (admission.generation === SPARED) return false;
    const { settings, time } = this.#circuit;
    const { slowCallDuration } = settings;
    // One that is no shorter than the timeout could never be reached.
    const enough = slowCallDuration < timeoutMs ? slowCallDuration : timeoutMs / 2;
    return time.exact() - admission.startedAt >= enough && !this.#wasStalled(admission);
  }

  #isSlow(admission: Admission, now: number): boolean {
    const { settings, stalls } = this.#circuit;
    const duration = now - admission.startedAt;
    if (duration < settings.slowCallDuration) return false;
    return duration - (stalls.total() - admission.stalledBefore) >= settings.slowCallDuration;
  }

  #wasStalled(admission: Admission): boolean {
    if (admission.generation === SPARED) return false;
    return this.#circuit.stalls.outweigh(admission, this.#circuit.time.exact());
  }

  #judge(exemplar?: unknown, pauseMs?: number): void {
    const circuit = this.#circuit;
    circuit.passRamp();
    const { numbers } = circuit.period;
    const rule = brokenRule(circuit.settings, numbers, circuit.ramp !== undefined);
    if (rule !== undefined) circuit.open(rule, numbers, exemplar, pauseMs);
    else if (pauseMs === undefined) circuit.isWithheld = false;
  }

  /** The dependency asked to be left alone: that opens the circuit, or keeps an open one open. */
  #pause(admission: Admission, ms: number, error: unknown): void {
    const circuit = this.#circuit;
    if (admission.generation === circuit.generation) {
      circuit.passRamp();
      circuit.open('open-on', circuit.numbers, error, ms);
    } else if (circuit.phase === 'open' && circuit.retryAfterMs < ms) {
      circuit.prolong(ms);
    }
  }
}

/** How long the timeout of ours was that ran out; undefined for any other reason of an abort. */
function timeoutOf(reason: unknown): number | undefined {
  try {
    return isResilienceError(reason) && reason.code === 'ETIMEDOUT' ? reason.durationMs : undefined;
  } catch {
    return undefined;
  }
}
