import type { BrokenCircuitError, CallOptions } from '@fournines/core';
import type { CircuitState, StateChangeEvent, TransitionReason } from '../events.ts';
import type { ExportedCircuit } from '../exported-circuit.ts';
import type { FleetOpening } from '../fleet.ts';
import type { TripReport, TripRule, TripWindow } from '../trip-report.ts';
import type { Admission } from './admission.ts';
import { breakDuration } from './break-duration.ts';
import { CircuitCounts } from './circuit-counts.ts';
import type { CircuitParts } from './circuit-parts.ts';
import { CircuitTime, isShort } from './circuit-time.ts';
import { ClosedPeriod } from './closed-period.ts';
import { Entrance } from './entrance.ts';
import { FleetLink } from './fleet-link.ts';
import { Isolation } from './isolation.ts';
import { Operator } from './operator.ts';
import { Outcomes } from './outcomes.ts';
import { Probes } from './probes.ts';
import { Ramp } from './ramp.ts';
import type { Settings } from './settings.ts';
import { Stalls } from './stalls.ts';
import { Transitions } from './transitions.ts';
import { inequality } from './trip-rules.ts';

/** How long probes are waited for when there was no break to take it from. */
const DEFAULT_LEASE_MS = 30_000;

/**
 * The state machine, the same for `execute` and `tryAcquire`: the states and the ways from one to
 * another. Calls come in by the entrance, their outcomes are put to the rules by `Outcomes`, the
 * operator's hand is `Operator`.
 *
 * How it works. Every call is admitted with an {@link Admission} that carries the generation; every
 * transition begins a new one, so an outcome of an older generation is counted and moves nothing.
 * Nothing happens by timer: an open circuit turns half-open when a call comes to probe. In the
 * closed state each outcome is put to the rules; calls that still run are put to the slow rule
 * when a call comes in. `isPlain` is the closed state without a ramp: the hot path.
 */
export class Circuit {
  readonly counts: CircuitCounts = new CircuitCounts();
  readonly time: CircuitTime;
  readonly transitions: Transitions;
  readonly parts: CircuitParts;
  readonly isolation: Isolation = new Isolation();
  readonly period: ClosedPeriod;
  /** When the present state was entered, by the breaker's clock. */
  since: number;
  inFlight = 0;
  lastTrip: TripReport | undefined;
  settings: Settings;
  stalls: Stalls;
  fleet: FleetLink | undefined;
  /** Those of the half-open state. */
  probes: Probes | undefined;
  /** The state apart from any isolation. */
  phase: 'closed' | 'open' | 'half-open' = 'closed';
  isPlain = true;
  generation = 0;
  openedAt = 0;
  breakMs = 0;
  /** How often it has opened without closing in between. */
  openings = 0;
  /** The error that opened it. */
  cause: unknown;
  /** Traffic that comes back after closing. */
  ramp: Ramp | undefined;

  /** Whether a rule holds, and the group keeps it closed. */
  isWithheld = false;

  /** When it last moved, or, where it was moved by news, when that happened. */
  #movedAt = -Infinity;
  /** When that happened by which it is being moved. */
  #happenedAt: number | undefined;

  readonly #entrance: Entrance;
  readonly #outcomes: Outcomes;

  constructor(parts: CircuitParts, settings: Settings, initial: ExportedCircuit | undefined) {
    this.parts = parts;
    this.settings = settings;
    this.time = new CircuitTime(parts.clock);
    this.time.isExact = isShort(settings.slowCallDuration);
    this.since = this.time.exact();
    this.transitions = new Transitions(parts.events);
    this.period = new ClosedPeriod(this, settings);
    this.stalls = new Stalls(this, parts.clock, settings.stalls);
    this.#outcomes = new Outcomes(this);
    this.#entrance = new Entrance(this, this.#outcomes);
    if (initial !== undefined) this.operator.import(initial);
    if (parts.fleet !== undefined) {
      this.fleet = new FleetLink(parts.fleet, {
        name: parts.home?.fleetName ?? parts.name,
        openedElsewhere: (opening, ageMs) =>
          this.#hear(ageMs, () => this.#openedElsewhere(opening)),
        closedElsewhere: (ageMs) => this.#hear(ageMs, () => this.#closedElsewhere()),
      });
    }
  }

  /** What is done to it by hand. */
  get operator(): Operator {
    return new Operator(this);
  }

  get state(): CircuitState {
    return this.isolation.isActive ? 'isolated' : this.phase;
  }

  get retryAfterMs(): number {
    if (this.isolation.isActive) return Infinity;
    const now = this.time.peek();
    if (this.phase === 'open') return Math.max(0, this.openedAt + this.breakMs - now);
    return this.probes?.waitMs(now, this.stalls.total()) ?? 0;
  }

  /** Why the last call was refused. */
  get refusal(): BrokenCircuitError | undefined {
    return this.#entrance.refusals.last;
  }

  /** Whether nothing would be lost with it but a quiet window. */
  get isIdle(): boolean {
    if (this.state !== 'closed' || this.inFlight > 0) return false;
    return this.ramp === undefined || this.ramp.isOver(this.time.peek());
  }

  /** What the rules would look at now. */
  get numbers(): TripWindow {
    return this.probes?.numbers ?? this.period.read(this.time.peek());
  }

  // Calls.

  /** Admits a call, or returns undefined and leaves the error in `refusal`. */
  admit(call: CallOptions | undefined): Admission | undefined {
    return this.#entrance.admit(call);
  }

  success(admission: Admission, value: unknown): void {
    this.#outcomes.success(admission, value);
  }

  failure(admission: Admission, error: unknown): void {
    this.#outcomes.failure(admission, error);
  }

  /** The call is over and says nothing. */
  ignore(admission: Admission): void {
    this.#outcomes.ignore(admission);
  }

  /** The call was aborted from further out. Returns the admission that it goes on with. */
  abandon(admission: Admission, reason: unknown, neverStarted: boolean): Admission {
    return this.#outcomes.abandon(admission, reason, neverStarted);
  }

  /** Whom to tell: a shadow says nothing, because others would carry out what it only watches. */
  get told(): FleetLink | undefined {
    return this.settings.enforcement > 0 ? this.fleet : undefined;
  }

  leaveFleet(): void {
    this.fleet?.leave();
  }

  /** After it has left. */
  joinFleet(): void {
    this.fleet?.join();
  }

  // Transitions.

  open(rule: TripRule, window: TripWindow, error: unknown, ms?: number): void {
    const mayOpen = this.#mayOpen();
    if (!mayOpen && this.isWithheld) return;
    const attempt = this.openings;
    const trip: TripReport = {
      rule,
      inequality: inequality(rule, this.settings, window),
      window,
      failures: this.probes?.categories ?? this.period.categories,
      ...(error === undefined ? {} : { error }),
    };
    if (!mayOpen) {
      this.#withhold(trip);
      return;
    }
    const isReopening = this.probes !== undefined || this.ramp !== undefined;
    const breakMs = ms ?? breakDuration(this.settings.resetTimeout, { attempt, trip });
    this.#openFor(breakMs, attempt + 1, trip, isReopening ? 'reopened' : 'tripped');
  }

  /** Once for as long as rules hold: the calls that go on failing are no news. */
  #withhold(trip: TripReport): void {
    this.isWithheld = true;
    this.counts.withheld += 1;
    const { events, clock } = this.parts;
    if (events.wants('trip-withheld')) {
      events.emit({ type: 'trip-withheld', at: clock.now(), trip });
    }
  }

  #openFor(breakMs: number, openings: number, trip: TripReport, reason: TransitionReason): void {
    const former = this.state;
    this.openings = openings;
    this.cause = trip.error;
    this.ramp = undefined;
    this.lastTrip = trip;
    this.counts.trips += 1;
    this.stayOpen(breakMs);
    this.begin('open');
    // First: a listener may close it again, which the others hear of after this.
    if (reason !== 'fleet') this.told?.opened({ breakMs, openings, trip });
    this.announce(former, reason, { error: trip.error, trip, breakDurationMs: breakMs });
  }

  stayOpen(ms: number): void {
    this.openedAt = this.time.exact();
    this.breakMs = ms;
  }

  /** Stays open for longer than it was to, in the other processes too. */
  prolong(ms: number): void {
    this.stayOpen(ms);
    this.#movedAt = this.openedAt;
    const trip = this.lastTrip;
    if (trip !== undefined) this.told?.opened({ breakMs: ms, openings: this.openings, trip });
  }

  /** Another process probes. The break is as long as it was: a probe's lease is taken from it. */
  waitForOthers(ms: number): void {
    if (this.phase === 'open') this.openedAt = this.time.exact() + ms - this.breakMs;
  }

  #mayOpen(): boolean {
    return this.phase !== 'closed' || this.parts.home?.mayOpen() !== false;
  }

  /** What happened before the circuit last moved is no news, however late it comes. */
  #hear(ageMs: number, move: () => void): void {
    const happenedAt = this.time.exact() - ageMs;
    if (happenedAt < this.#movedAt) return;
    this.#happenedAt = happenedAt;
    move();
    // It has not moved, or its listeners have moved it on.
    if (this.#happenedAt !== undefined) this.#movedAt = happenedAt;
    this.#happenedAt = undefined;
  }

  #openedElsewhere({ breakMs, openings, trip }: FleetOpening): void {
    if (this.isolation.isActive) return;
    if (this.phase === 'open') {
      const remaining = this.retryAfterMs;
      // Those that trip together mean the same break, which each began a little earlier or later.
      const tolerated = remaining > 0 ? (this.fleet?.deadline ?? 0) : 0;
      if (remaining + tolerated >= breakMs) return;
    }
    const line = `another process opened it: ${trip.inequality}`;
    const report: TripReport = { ...trip, rule: 'fleet', inequality: line };
    if (this.#mayOpen()) this.#openFor(breakMs, openings, report, 'fleet');
    else if (!this.isWithheld) this.#withhold(report);
  }

  #closedElsewhere(): void {
    if (this.isolation.isActive || this.phase === 'closed') return;
    const former = this.state;
    this.close(this.settings.ramp);
    this.announce(former, 'fleet');
  }

  halfOpen(from: CircuitState, reason: TransitionReason): void {
    this.begin('half-open');
    const { permittedCalls, halfOpenRate } = this.settings;
    this.probes = new Probes(this, this.generation, permittedCalls, halfOpenRate, this.leaseMs);
    this.period.clear();
    this.announce(from, reason);
  }

  /** How long a probe may take. */
  get leaseMs(): number {
    const { breakMs } = this;
    const hasBreak = breakMs > 0 && breakMs < Infinity;
    return this.settings.maxWait ?? (hasBreak ? breakMs : DEFAULT_LEASE_MS);
  }

  /** When a call that is no probe may come back: the probes should have decided by then. */
  get decisionMs(): number {
    return Math.min(this.leaseMs, DEFAULT_LEASE_MS);
  }

  close(ramp: number): void {
    this.ramp = ramp > 0 ? new Ramp(this.time.exact(), ramp) : undefined;
    if (ramp === 0) this.openings = 0;
    this.cause = undefined;
    this.period.clear();
    this.begin('closed');
  }

  /** Traffic is let through by call, but a ramp is over by time: whoever goes by it looks here first. */
  passRamp(): void {
    if (this.ramp?.isOver(this.time.exact()) === true) this.endRamp();
  }

  /** All traffic is back: it has recovered. */
  endRamp(): void {
    if (this.ramp === undefined) return;
    this.ramp = undefined;
    this.openings = 0;
    this.isPlain = this.state === 'closed';
  }

  /** Begins a new generation: what was admitted before moves nothing any more. */
  begin(phase: 'closed' | 'open' | 'half-open'): void {
    const change = Number(phase !== 'closed') - Number(this.phase !== 'closed');
    const { home } = this.parts;
    if (change === 1 || change === -1) home?.count(change);
    if (phase !== 'closed' || this.probes !== undefined || this.isolation.isActive) home?.used();
    this.phase = phase;
    this.isWithheld = false;
    this.generation += 1;
    this.#movedAt = this.#happenedAt ?? this.time.exact();
    this.#happenedAt = undefined;
    this.probes = undefined;
    this.#entrance.refusals.last = undefined;
    this.fleet?.begin(phase);
    this.period.begin(this.generation, this.settings);
    this.isPlain = this.state === 'closed' && this.ramp === undefined;
    this.since = this.parts.clock.now();
  }

  announce(
    from: CircuitState,
    reason: TransitionReason,
    more: Partial<StateChangeEvent> | { readonly note: string | undefined } = {},
  ): void {
    this.transitions.add({
      type: 'state-change',
      at: this.since,
      wallAt: this.parts.clock.wall(),
      from,
      to: this.state,
      reason,
      enforced: this.settings.enforcement > 0,
      ...more,
    } as StateChangeEvent);
  }
}
