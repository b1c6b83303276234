import { isResilienceError } from '@fournines/core';
import type { BrokenCircuitError, CallOptions, TimeoutError } from '@fournines/core';
import type { Outcome } from '@fournines/core/authoring';
import type { CircuitState, StateChangeEvent, TransitionReason } from '../events.ts';
import type { ExportedCircuit } from '../exported-circuit.ts';
import type { FleetOpening } from '../fleet.ts';
import type { TripReport, TripRule, TripWindow } from '../trip-report.ts';
import { Admission, DONE, SPARED } from './admission.ts';
import { breakDuration } from './break-duration.ts';
import { CircuitCounts } from './circuit-counts.ts';
import type { CircuitParts } from './circuit-parts.ts';
import { CircuitTime } from './circuit-time.ts';
import { ClosedPeriod } from './closed-period.ts';
import { FleetLink } from './fleet-link.ts';
import { askedPause, mayProbe } from './guarded.ts';
import { Isolation } from './isolation.ts';
import { VALUE_CATEGORY } from './judge.ts';
import { Probes } from './probes.ts';
import { Refusals } from './refusals.ts';
import type { Settings } from './settings.ts';
import { Stalls } from './stalls.ts';
import { Transitions } from './transitions.ts';
import { brokenRule, inequality } from './trip-rules.ts';

/** The lowest share of traffic that a ramp lets through. */
const RAMP_START = 0.1;

/** How long probes are waited for when there was no break to take it from. */
const DEFAULT_LEASE_MS = 30_000;

/**
 * The state machine, the same for `execute` and `tryAcquire`.
 *
 * How it works. Every call is admitted with an {@link Admission} that carries the generation; every
 * transition begins a new one, so an outcome of an older generation is counted and moves nothing.
 * Nothing happens by timer: an open circuit turns half-open when a call comes to probe. In the
 * closed state each outcome is put to the rules; calls that still run are put to the slow rule
 * when a call comes in. `#isPlain` is the closed state without a ramp: the hot path.
 */
export class Circuit {
  readonly counts: CircuitCounts = new CircuitCounts();
  readonly time: CircuitTime;
  readonly transitions: Transitions;
  /** When the present state was entered, by the breaker's clock. */
  since: number;
  inFlight = 0;
  lastTrip: TripReport | undefined;
  settings: Settings;

  readonly #parts: CircuitParts;
  readonly #refusals: Refusals;
  readonly #isolation: Isolation = new Isolation();
  readonly #period: ClosedPeriod;
  #stalls: Stalls;
  #fleet: FleetLink | undefined;
  #probes: Probes | undefined;
  #state: 'closed' | 'open' | 'half-open' = 'closed';
  #isPlain = true;
  #generation = 0;
  #openedAt = 0;
  #breakMs = 0;
  /** How often it has opened without closing in between. */
  #openings = 0;
  #cause: unknown;
  #rampUntil = 0;
  /** It would be open, and that has been told. */
  #isWithheld = false;
  #done: Admission | undefined;
  #spared: Admission | undefined;

  constructor(parts: CircuitParts, settings: Settings, initial: ExportedCircuit | undefined) {
    this.#parts = parts;
    this.settings = settings;
    this.time = new CircuitTime(parts.clock);
    this.since = this.time.exact();
    this.transitions = new Transitions(parts.events);
    this.#refusals = new Refusals(parts, this.counts);
    this.#period = new ClosedPeriod(this, settings);
    this.#stalls = new Stalls(this, parts.clock, settings.stalls);
    if (initial !== undefined) this.#import(initial);
    if (parts.fleet !== undefined) {
      this.#fleet = new FleetLink(parts.fleet, {
        name: parts.home?.fleetName ?? parts.name,
        openedElsewhere: (opening) => this.#openedElsewhere(opening),
        closedElsewhere: () => this.#closedElsewhere(),
      });
    }
  }

  get state(): CircuitState {
    return this.#isolation.isActive ? 'isolated' : this.#state;
  }

  get retryAfterMs(): number {
    if (this.#isolation.isActive) return Infinity;
    const now = this.time.peek();
    if (this.#state === 'open') return Math.max(0, this.#openedAt + this.#breakMs - now);
    return this.#probes?.waitMs(now) ?? 0;
  }

  /** Why the last call was refused. */
  get refusal(): BrokenCircuitError | undefined {
    return this.#refusals.last;
  }

  /** Whether nothing would be lost with it but a quiet window. */
  get isIdle(): boolean {
    return this.state === 'closed' && this.inFlight === 0;
  }

  /** What the rules would look at now. */
  get numbers(): TripWindow {
    return this.#probes?.numbers ?? this.#period.read(this.time.peek());
  }

  // Calls.

  /** Admits a call, or returns undefined and leaves the error in `refusal`. */
  admit(call: CallOptions | undefined): Admission | undefined {
    this.counts.calls += 1;
    if (!this.#isPlain) return this.#admitSlowly(call);
    const now = this.time.coarse();
    if (this.#tripsOnRunning(now)) return this.#admitSlowly(call);
    return this.#join(now);
  }

  success(admission: Admission, value: unknown): void {
    this.inFlight -= 1;
    if (this.#isJudged(admission)) return;
    const { judge, openOn } = this.settings;
    const failed = judge.isFailure !== undefined && judge.isFailure(value);
    this.#record(admission, failed, failed ? VALUE_CATEGORY : undefined, undefined);
    if (openOn !== undefined) this.#openIfAsked(admission, { ok: true, value });
  }

  failure(admission: Admission, error: unknown): void {
    this.inFlight -= 1;
    if (this.#isJudged(admission)) return;
    const { verdict, category } = this.settings.judge.error(error);
    if (verdict === 'ignore' || (category === 'timeout' && this.#wasStalled(admission))) {
      this.#ignore(admission);
    } else {
      const failed = verdict === 'failure';
      this.#record(admission, failed, failed ? category : undefined, error);
    }
    if (this.settings.openOn !== undefined) this.#openIfAsked(admission, { ok: false, error });
  }

  /** The call is over and says nothing. */
  ignore(admission: Admission): void {
    this.inFlight -= 1;
    if (admission.generation !== DONE) this.#ignore(admission);
  }

  /**
   * The call was aborted from further out, and its verdict is passed now: ignored, unless a timeout
   * of ours ran out on a call that had been running long enough. Returns the admission that it goes on with.
   */
  abandon(admission: Admission, reason: unknown, neverStarted: boolean): Admission {
    if (admission.generation === DONE) return admission;
    if (!neverStarted && isTimeout(reason) && this.#ranLongEnough(admission, reason.durationMs)) {
      this.#record(admission, true, 'timeout', reason);
    } else if (admission.leaseUntil !== undefined && admission.generation === this.#generation) {
      // A probe keeps its place while its work goes on.
      admission.isAbandoned = true;
      return admission;
    } else {
      this.#ignore(admission);
    }
    return (this.#done ??= new Admission(this, DONE, 0, 0));
  }

  // The operator.

  isolate(note: string | undefined): () => void {
    const former = this.state;
    const release = this.#isolation.hold(note);
    if (former !== 'isolated') {
      this.#begin(this.#state);
      this.#announce(former, 'isolated', { note: this.#isolation.note });
    }
    return () => {
      if (!release()) return;
      if (this.#state !== 'closed') return this.#halfOpen('isolated', 'released');
      this.#close(0);
      this.#announce('isolated', 'released');
    };
  }

  /** Closes, clears the window and ends every isolation. */
  reset(): void {
    const former = this.state;
    this.#isolation.end();
    this.#close(0);
    if (former !== 'closed') this.#announce(former, 'reset');
    this.#fleet?.closed();
  }

  /** Takes new settings; the state stays, and so does what the window holds. */
  configure(settings: Settings): void {
    const former = this.settings;
    this.settings = settings;
    this.#stalls = new Stalls(this, this.#parts.clock, settings.stalls);
    this.#period.configure(former, settings, this.time.exact());
  }

  leaveFleet(): void {
    this.#fleet?.leave();
  }

  /** After it has left. */
  joinFleet(): void {
    this.#fleet?.join();
  }

  export(): ExportedCircuit {
    const now = this.time.exact();
    const wall = this.#parts.clock.wall();
    const remaining = this.#state === 'open' ? this.#openedAt + this.#breakMs - now : 0;
    const isClosed = this.#state === 'closed';
    return {
      version: 1,
      state: isClosed ? 'closed' : 'open',
      isolated: this.#isolation.isActive,
      exportedAt: wall,
      ...(isClosed ? {} : { openUntil: wall + Math.max(0, remaining) }),
      openings: this.#openings,
      consecutiveFailures: this.#period.consecutiveFailures,
      window: this.#period.exportAt(now),
    };
  }

  #import(exported: ExportedCircuit): void {
    const wall = this.#parts.clock.wall();
    const now = this.time.exact();
    this.#openings = exported.openings;
    this.#period.consecutiveFailures = exported.consecutiveFailures;
    this.#period.importAt(now, exported.window, Math.max(0, wall - exported.exportedAt));
    if (exported.state !== 'open') return;
    // Clocks of two machines disagree: no break is longer than it was when it was exported.
    const openUntil = exported.openUntil ?? wall;
    const most = Math.max(0, openUntil - exported.exportedAt);
    this.#openedAt = now;
    this.#breakMs = Math.min(Math.max(0, openUntil - wall), most);
    this.#begin('open');
  }

  // Admission.

  #join(now: number): Admission {
    const period = this.#period;
    const admission = period.currentAt(now) ?? this.#beginTick(now);
    admission.size += 1;
    this.inFlight += 1;
    return admission;
  }

  #beginTick(now: number): Admission {
    this.#parts.home?.used();
    return this.#period.beginTick(now, this.#stalls.before());
  }

  #admitSlowly(call: CallOptions | undefined): Admission | undefined {
    if (this.#isolation.isActive) return this.#refuse('isolated', Infinity);
    const now = this.time.exact();
    if (this.#state === 'closed') return this.#admitRamping(now, call);
    if (this.#state === 'open') {
      const remaining = this.#openedAt + this.#breakMs - now;
      if (remaining > 0) return this.#refuse('open', remaining);
      if (!mayProbe(this.settings, call)) return this.#refuse('open', 0);
      if (this.#fleet?.mayProbe((ms) => this.#waitForOthers(ms)) === false) {
        return this.#refuse('open', this.#fleet.retryAfterMs);
      }
      if (this.#state === 'open') this.#halfOpen('open', 'probing');
    }
    return this.#admitProbe(now, call);
  }

  #admitProbe(now: number, call: CallOptions | undefined): Admission | undefined {
    const probes = this.#probes;
    // A listener of the transition may have moved the circuit on.
    if (probes === undefined) return this.#admitSlowly(call);
    probes.expire(now);
    this.#decide(probes, undefined);
    if (this.#probes !== probes) return this.#admitSlowly(call);
    if (!probes.hasRoom || !mayProbe(this.settings, call)) {
      return this.#refuse('half-open', probes.waitMs(now));
    }
    if (this.#fleet?.mayProbe(() => {}) === false) {
      return this.#refuse('half-open', this.#fleet.retryAfterMs);
    }
    this.#fleet?.probes(this.#leaseMs);
    this.inFlight += 1;
    return probes.send(now, this.#stalls.before());
  }

  #admitRamping(now: number, call: CallOptions | undefined): Admission | undefined {
    const remaining = this.#rampUntil - now;
    if (remaining <= 0) {
      this.#rampUntil = 0;
      this.#openings = 0;
      this.#isPlain = true;
      return this.#join(now);
    }
    if (this.#tripsOnRunning(now)) return this.#admitSlowly(call);
    const share = Math.max(RAMP_START, 1 - remaining / this.settings.ramp);
    return this.#parts.random() < share ? this.#join(now) : this.#refuse('half-open', remaining);
  }

  #refuse(state: 'open' | 'half-open' | 'isolated', retryAfterMs: number): Admission | undefined {
    const refusal = { state, retryAfterMs, cause: this.#cause, reason: this.#isolation.note };
    if (this.#refusals.refuse(this.settings.enforcement, refusal)) return undefined;
    this.inFlight += 1;
    return (this.#spared ??= new Admission(this, SPARED, 0, 0));
  }

  // Outcomes.

  #isJudged(admission: Admission): boolean {
    if (admission.isAbandoned) this.#ignore(admission);
    return admission.isAbandoned || admission.generation === DONE;
  }

  #record(
    admission: Admission,
    failed: boolean,
    category: string | undefined,
    error: unknown,
  ): void {
    const { counts } = this;
    if (failed) counts.fail(category ?? 'unknown');
    else counts.success += 1;
    if (this.#isOfThePast(admission)) return;
    const now = this.time.coarse();
    const slow = this.#isSlow(admission, now);
    if (slow) counts.slow += 1;
    const exemplar = failed ? error : undefined;
    const probes = this.#probes;
    if (probes === undefined) {
      this.#recordClosed(admission, now, failed, slow, category, exemplar);
      return;
    }
    if (!probes.settle(admission, failed, slow, category)) counts.late += 1;
    this.#decide(probes, exemplar);
  }

  #recordClosed(
    admission: Admission,
    now: number,
    failed: boolean,
    slow: boolean,
    category: string | undefined,
    exemplar: unknown,
  ): void {
    const period = this.#period;
    period.leave(admission);
    period.record(now, failed, slow, category);
    if (period.mayHaveSlowed(now)) period.lookForSlow(now, this.#stalls.total());
    if (!period.isSpotless) this.#judge(exemplar);
  }

  #ignore(admission: Admission): void {
    this.counts.ignored += 1;
    if (this.#isOfThePast(admission)) return;
    if (this.#probes === undefined) this.#period.leave(admission);
    else this.#probes.giveBack(admission);
  }

  /** Whether it was admitted in a former state, or against the circuit's will: then it moves nothing. */
  #isOfThePast(admission: Admission): boolean {
    if (admission.generation === this.#generation) return false;
    if (admission.generation !== SPARED) this.counts.late += 1;
    return true;
  }

  /** Whether a call that an outer timeout ended had its chance. */
  #ranLongEnough(admission: Admission, timeoutMs: number): boolean {
    if (admission.generation === SPARED) return false;
    const { slowCallDuration } = this.settings;
    const enough = slowCallDuration === Infinity ? timeoutMs / 2 : slowCallDuration;
    return this.time.exact() - admission.startedAt >= enough && !this.#wasStalled(admission);
  }

  #isSlow(admission: Admission, now: number): boolean {
    const { slowCallDuration } = this.settings;
    const duration = now - admission.startedAt;
    if (duration < slowCallDuration) return false;
    return duration - (this.#stalls.total() - admission.stalledBefore) >= slowCallDuration;
  }

  #wasStalled(admission: Admission): boolean {
    if (admission.generation === SPARED) return false;
    return this.#stalls.outweigh(admission, this.time.exact());
  }

  /** Puts calls that have become slow while they run to the rules; returns whether that opened it. */
  #tripsOnRunning(now: number): boolean {
    const period = this.#period;
    if (!period.mayHaveSlowed(now) || !period.lookForSlow(now, this.#stalls.total())) return false;
    period.expire(now);
    this.#judge(undefined);
    return this.#state !== 'closed';
  }

  #judge(exemplar: unknown): void {
    const { numbers } = this.#period;
    const rule = brokenRule(this.settings, numbers, this.#rampUntil > 0);
    if (rule === undefined) this.#isWithheld = false;
    else this.#open(rule, numbers, exemplar);
  }

  #decide(probes: Probes, exemplar: unknown): void {
    const { decision } = probes;
    if (decision === 'reopen') this.#open('half-open', probes.numbers, exemplar);
    if (decision !== 'close') return;
    this.#close(this.settings.ramp);
    this.#announce('half-open', 'recovered');
    this.#fleet?.closed();
  }

  #openIfAsked(admission: Admission, outcome: Outcome): void {
    const ms = askedPause(this.settings, outcome);
    const isOver = admission.generation !== this.#generation || this.#isolation.isActive;
    if (ms === undefined || isOver) return;
    const error = outcome.ok ? undefined : outcome.error;
    this.#open('open-on', this.numbers, error, ms);
  }

  // Transitions.

  #open(rule: TripRule, window: TripWindow, error: unknown, ms?: number): void {
    const mayOpen = this.#mayOpen();
    if (!mayOpen && this.#isWithheld) return;
    const attempt = this.#openings;
    const trip: TripReport = {
      rule,
      inequality: inequality(rule, this.settings, window),
      window,
      failures: this.#probes?.categories ?? this.#period.categories,
      ...(error === undefined ? {} : { error }),
    };
    if (!mayOpen) return this.#withhold(trip);
    const isReopening = this.#probes !== undefined || this.#rampUntil > 0;
    const breakMs = ms ?? breakDuration(this.settings.resetTimeout, { attempt, trip });
    this.#openFor(breakMs, attempt + 1, trip, isReopening ? 'reopened' : 'tripped');
    this.#fleet?.opened({ breakMs, openings: attempt + 1, trip });
  }

  #openFor(breakMs: number, openings: number, trip: TripReport, reason: TransitionReason): void {
    const former = this.state;
    this.#openings = openings;
    this.#cause = trip.error;
    this.#rampUntil = 0;
    this.lastTrip = trip;
    this.counts.trips += 1;
    this.#stayOpen(breakMs);
    this.#begin('open');
    this.#announce(former, reason, { error: trip.error, trip, breakDurationMs: breakMs });
  }

  #stayOpen(ms: number): void {
    this.#openedAt = this.time.exact();
    this.#breakMs = ms;
  }

  /** Another process probes. The break is as long as it was: a probe's lease is taken from it. */
  #waitForOthers(ms: number): void {
    if (this.#state === 'open') this.#openedAt = this.time.exact() + ms - this.#breakMs;
  }

  #mayOpen(): boolean {
    return this.#state !== 'closed' || this.#parts.home?.mayOpen() !== false;
  }

  /** Once for as long as rules hold: the calls that go on failing are no news. */
  #withhold(trip: TripReport): void {
    this.#isWithheld = true;
    this.counts.withheld += 1;
    const { events, clock } = this.#parts;
    if (events.wants('trip-withheld')) {
      events.emit({ type: 'trip-withheld', at: clock.now(), trip });
    }
  }

  #openedElsewhere({ breakMs, openings, trip }: FleetOpening): void {
    if (this.#isolation.isActive) return;
    if (this.#state === 'open' && this.retryAfterMs >= breakMs) return;
    const line = `another process opened it: ${trip.inequality}`;
    const report: TripReport = { ...trip, rule: 'fleet', inequality: line };
    if (this.#mayOpen()) this.#openFor(breakMs, openings, report, 'fleet');
    else if (!this.#isWithheld) this.#withhold(report);
  }

  #closedElsewhere(): void {
    if (this.#isolation.isActive || this.#state === 'closed') return;
    const former = this.state;
    this.#close(this.settings.ramp);
    this.#announce(former, 'fleet');
  }

  #halfOpen(from: CircuitState, reason: TransitionReason): void {
    this.#begin('half-open');
    const { permittedCalls, halfOpenRate } = this.settings;
    this.#probes = new Probes(this, this.#generation, permittedCalls, halfOpenRate, this.#leaseMs);
    this.#period.clear();
    this.#announce(from, reason);
  }

  /** How long a probe may take. */
  get #leaseMs(): number {
    return this.settings.maxWait ?? (this.#breakMs || DEFAULT_LEASE_MS);
  }

  #close(ramp: number): void {
    this.#rampUntil = ramp > 0 ? this.time.exact() + ramp : 0;
    if (ramp === 0) this.#openings = 0;
    this.#cause = undefined;
    this.#period.clear();
    this.#begin('closed');
  }

  /** Begins a new generation: what was admitted before moves nothing any more. */
  #begin(state: 'closed' | 'open' | 'half-open'): void {
    const change = Number(state !== 'closed') - Number(this.#state !== 'closed');
    const { home } = this.#parts;
    if (change === 1 || change === -1) home?.count(change);
    if (state !== 'closed' || this.#probes !== undefined || this.#isolation.isActive) home?.used();
    this.#state = state;
    this.#generation += 1;
    this.#probes = undefined;
    this.#isWithheld = false;
    this.#refusals.last = undefined;
    this.#fleet?.begin(state);
    this.#period.begin(this.#generation, this.settings);
    this.#isPlain = state === 'closed' && !this.#isolation.isActive && this.#rampUntil === 0;
    this.since = this.#parts.clock.now();
  }

  #announce(
    from: CircuitState,
    reason: TransitionReason,
    more: Partial<StateChangeEvent> | { readonly note: string | undefined } = {},
  ): void {
    this.transitions.add({
      type: 'state-change',
      at: this.since,
      wallAt: this.#parts.clock.wall(),
      from,
      to: this.state,
      reason,
      enforced: this.settings.enforcement > 0,
      ...more,
    } as StateChangeEvent);
  }
}

function isTimeout(reason: unknown): reason is TimeoutError {
  return isResilienceError(reason) && reason.code === 'ETIMEDOUT';
}
