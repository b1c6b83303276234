import { BrokenCircuitError, isResilienceError } from '@fournines/core';
import type { CallOptions, Clock, TimeoutError } from '@fournines/core';
import { isSystemTime, reportOnce, withoutStack } from '@fournines/core/authoring';
import type { Outcome } from '@fournines/core/authoring';
import type { BreakerEvents } from './breaker-events.ts';
import type { CircuitState, StateChangeEvent, TransitionReason } from '../events.ts';
import type { ExportedCircuit } from '../exported-circuit.ts';
import type { Fleet, FleetOpening, FleetSeat } from '../fleet.ts';
import type { TripReport, TripRule, TripWindow } from '../trip-report.ts';
import { Admission, DONE, SPARED } from './admission.ts';
import { breakDuration } from './break-duration.ts';
import { CircuitCounts } from './circuit-counts.ts';
import { CircuitTime } from './circuit-time.ts';
import { InFlight } from './in-flight.ts';
import { VALUE_CATEGORY } from './judge.ts';
import type { OutcomeWindow, Tally } from './outcome-window.ts';
import { Probes } from './probes.ts';
import type { Settings } from './settings.ts';
import { stalledMs, watchStalls } from './stall-meter.ts';
import { Transitions } from './transitions.ts';
import { brokenRule, inequality } from './trip-rules.ts';
import { windowFor } from './window-for.ts';

/** What a circuit is made of. */
export interface CircuitParts {
  readonly name: string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly events: BreakerEvents;
  /** Who limits how many circuits of a group may be open. */
  readonly gate?: OpenGate | undefined;
  /** The same circuit in other processes. */
  readonly fleet?: Fleet | undefined;
}

/** Limits how many circuits of a group may be open at the same time. */
export interface OpenGate {
  /** Whether one more may open. */
  mayOpen(): boolean;
  /** One left the closed state, or came back to it. */
  count(change: 1 | -1): void;
}

/** The lowest share of traffic that a ramp lets through. */
const RAMP_START = 0.1;

/** How long probes are waited for when no break has set it. */
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
  /** Why the last call was refused. */
  refusal: BrokenCircuitError | undefined;
  settings: Settings;

  readonly #name: string;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #events: BreakerEvents;
  #window: OutcomeWindow;
  #state: 'closed' | 'open' | 'half-open' = 'closed';
  #isPlain = true;
  #generation = 0;
  #running: InFlight;
  #current: Admission | undefined;
  #consecutive = 0;
  #openedAt = 0;
  #breakMs = 0;
  /** How often it has opened without closing in between. */
  #openings = 0;
  #cause: unknown;
  #probes: Probes | undefined;
  #rampUntil = 0;
  #isolations = 0;
  #isolationNote: string | undefined;
  /** Ends the isolations that were begun before. */
  #resets = 0;
  #done: Admission | undefined;
  #spared: Admission | undefined;
  readonly #gate: OpenGate | undefined;
  readonly #seat: FleetSeat | undefined;
  /** Whether this process is the one of the fleet that probes. */
  #lease: 'held' | 'asked' | undefined;
  #watchesStalls: boolean;

  constructor(parts: CircuitParts, settings: Settings, initial: ExportedCircuit | undefined) {
    this.#name = parts.name;
    this.#clock = parts.clock;
    this.#random = parts.random;
    this.#events = parts.events;
    this.#gate = parts.gate;
    this.settings = settings;
    this.time = new CircuitTime(parts.clock);
    this.transitions = new Transitions(parts.events);
    this.#window = windowFor(settings);
    this.#running = new InFlight(this, 0, settings.slowCallDuration);
    this.#watchesStalls = settings.stalls && isSystemTime(parts.clock);
    this.since = this.time.exact();
    if (initial !== undefined) this.#import(initial);
    this.#seat = parts.fleet?.join({
      name: parts.name,
      openedElsewhere: (opening) => this.#openedElsewhere(opening),
      closedElsewhere: () => this.#closedElsewhere(),
    });
  }

  get state(): CircuitState {
    return this.#isolations > 0 ? 'isolated' : this.#state;
  }

  get retryAfterMs(): number {
    if (this.#isolations > 0) return Infinity;
    const now = this.time.peek();
    if (this.#state === 'open') return Math.max(0, this.#openedAt + this.#breakMs - now);
    return this.#probes?.waitMs(now) ?? 0;
  }

  /** Whether nothing would be lost with it but a quiet window. */
  get isIdle(): boolean {
    return this.#state === 'closed' && this.#isolations === 0 && this.inFlight === 0;
  }

  get recentWindow(): TripWindow {
    return this.#numbers(this.#window.read(this.time.peek()));
  }

  // Calls.

  /** Admits a call, or returns undefined and leaves the error in `refusal`. */
  admit(call: CallOptions | undefined): Admission | undefined {
    this.counts.calls += 1;
    if (!this.#isPlain) return this.#admitSlowly(call);
    const now = this.time.coarse();
    if (now >= this.#running.nextDue && this.#tripsOnRunning(now)) return this.#admitSlowly(call);
    return this.#join(now);
  }

  success(admission: Admission, value: unknown): void {
    this.inFlight -= 1;
    if (admission.generation === DONE) return;
    if (admission.isAbandoned) return this.#ignore(admission);
    const { judge, openOn } = this.settings;
    if (judge.isFailure !== undefined && judge.isFailure(value)) {
      this.#record(admission, true, VALUE_CATEGORY, undefined);
    } else {
      this.#record(admission, false, undefined, undefined);
    }
    if (openOn !== undefined) this.#openOn(admission, { ok: true, value });
  }

  failure(admission: Admission, error: unknown): void {
    this.inFlight -= 1;
    if (admission.generation === DONE) return;
    if (admission.isAbandoned) return this.#ignore(admission);
    const { verdict, category } = this.settings.judge.error(error);
    if (verdict === 'ignore' || (category === 'timeout' && this.#wasStalled(admission))) {
      this.#ignore(admission);
    } else {
      const failed = verdict === 'failure';
      this.#record(admission, failed, failed ? category : undefined, error);
    }
    if (this.settings.openOn !== undefined) this.#openOn(admission, { ok: false, error });
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
      return (this.#done ??= new Admission(this, DONE, 0, 0));
    }
    if (admission.leaseUntil !== undefined && admission.generation === this.#generation) {
      // A probe keeps its place while its work goes on.
      admission.isAbandoned = true;
      return admission;
    }
    this.#ignore(admission);
    return (this.#done ??= new Admission(this, DONE, 0, 0));
  }

  // The operator.

  isolate(note: string | undefined): () => void {
    const former = this.state;
    this.#isolations += 1;
    this.#isolationNote = note ?? this.#isolationNote;
    const generationOfReset = this.#resets;
    if (this.#isolations === 1) {
      this.#begin(this.#state);
      this.#announce(former, 'isolated', { note: this.#isolationNote });
    }
    let isActive = true;
    return () => {
      if (!isActive || generationOfReset !== this.#resets) return;
      isActive = false;
      this.#isolations -= 1;
      if (this.#isolations === 0) this.#release();
    };
  }

  /** Closes, clears the window and ends every isolation. */
  reset(): void {
    const former = this.state;
    this.#resets += 1;
    this.#isolations = 0;
    this.#isolationNote = undefined;
    this.#close();
    if (former !== 'closed') this.#announce(former, 'reset');
    this.#seat?.closed();
  }

  /** Takes new settings; the state stays, and so does the window when it has the same shape. */
  configure(settings: Settings): void {
    const former = this.settings;
    this.settings = settings;
    this.#watchesStalls = settings.stalls && isSystemTime(this.#clock);
    if (JSON.stringify(former.window) !== JSON.stringify(settings.window)) {
      const exported = this.#window.exportAt(this.time.exact());
      this.#window = windowFor(settings);
      this.#window.importAt(this.time.exact(), exported, 0);
    }
    if (former.slowCallDuration !== settings.slowCallDuration) {
      this.#running.slowAfter = settings.slowCallDuration;
    }
  }

  export(): ExportedCircuit {
    const wall = this.#clock.wall();
    const isOpen = this.#state !== 'closed';
    const remaining = Math.max(0, this.#openedAt + this.#breakMs - this.time.peek());
    return {
      version: 1,
      state: isOpen ? 'open' : 'closed',
      isolated: this.#isolations > 0,
      exportedAt: wall,
      ...(isOpen ? { openUntil: wall + (this.#state === 'open' ? remaining : 0) } : {}),
      openings: this.#openings,
      consecutiveFailures: this.#consecutive,
      window: this.#window.exportAt(this.time.exact()),
    };
  }

  #import(exported: ExportedCircuit): void {
    const wall = this.#clock.wall();
    const now = this.time.exact();
    this.#consecutive = exported.consecutiveFailures;
    this.#openings = exported.openings;
    this.#window.importAt(now, exported.window, Math.max(0, wall - exported.exportedAt));
    if (exported.state !== 'open') return;
    // Clocks of two machines disagree: no break is longer than it was when it was exported.
    const openUntil = exported.openUntil ?? wall;
    const most = Math.max(0, openUntil - exported.exportedAt);
    this.#begin('open');
    this.#openedAt = now;
    this.#breakMs = Math.min(Math.max(0, openUntil - wall), most);
  }

  // Admission.

  #join(now: number): Admission {
    let current = this.#current;
    if (current === undefined || current.startedAt !== now) {
      if (this.#watchesStalls) watchStalls(this);
      current = this.#current = this.#running.begin(now, this.#stalled());
    }
    current.size += 1;
    this.inFlight += 1;
    return current;
  }

  #admitSlowly(call: CallOptions | undefined): Admission | undefined {
    if (this.#isolations > 0) return this.#refuse('isolated', Infinity);
    const now = this.time.exact();
    if (this.#state === 'closed') return this.#admitRamping(now);
    if (this.#state === 'open') {
      const remaining = this.#openedAt + this.#breakMs - now;
      if (remaining > 0) return this.#refuse('open', remaining);
      if (!this.#mayProbe(call)) return this.#refuse('open', 0);
      if (this.#seat !== undefined && !this.#holdsLease(this.#seat)) {
        return this.#refuse('open', this.#seat.deadline);
      }
      if (this.#state === 'open') this.#halfOpen('probing');
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
    if (!probes.hasRoom || !this.#mayProbe(call))
      return this.#refuse('half-open', probes.waitMs(now));
    if (this.#watchesStalls) watchStalls(this);
    this.inFlight += 1;
    return probes.send(now, this.#stalled());
  }

  #admitRamping(now: number): Admission | undefined {
    const { ramp } = this.settings;
    const remaining = this.#rampUntil - now;
    if (remaining <= 0) {
      this.#rampUntil = 0;
      this.#openings = 0;
      this.#isPlain = true;
      return this.#join(now);
    }
    if (now >= this.#running.nextDue && this.#tripsOnRunning(now))
      return this.#refuse('open', this.#breakMs);
    if (this.#random() < Math.max(RAMP_START, 1 - remaining / ramp)) return this.#join(now);
    return this.#refuse('half-open', remaining);
  }

  #refuse(state: 'open' | 'half-open' | 'isolated', retryAfterMs: number): Admission | undefined {
    const { enforcement } = this.settings;
    const enforced =
      enforcement === 1 ||
      state === 'isolated' ||
      (enforcement > 0 && this.#random() < enforcement);
    const error = withoutStack(
      () =>
        new BrokenCircuitError(this.#name, {
          state,
          retryAfterMs,
          cause: this.#cause,
          reason: this.#isolationNote,
        }),
    );
    if (enforced) this.counts.rejected += 1;
    else {
      this.counts.spared += 1;
      this.inFlight += 1;
    }
    this.refusal = error;
    if (this.#events.wants('reject')) {
      const at = this.#clock.now();
      this.#events.emit({ type: 'reject', at, error, state, retryAfterMs, enforced });
      this.refusal = error;
    }
    if (enforced) return undefined;
    return (this.#spared ??= new Admission(this, SPARED, 0, 0));
  }

  #mayProbe(call: CallOptions | undefined): boolean {
    const { isProbe } = this.settings;
    if (isProbe === undefined) return true;
    try {
      return isProbe(call ?? {}) === true;
    } catch (error) {
      reportOnce(isProbe, 'breaker: isProbe', error);
      return false;
    }
  }

  // Outcomes.

  #record(
    admission: Admission,
    failed: boolean,
    category: string | undefined,
    error: unknown,
  ): void {
    const { counts } = this;
    if (failed) counts.fail(category ?? 'unknown');
    else counts.success += 1;
    if (admission.generation === SPARED) return;
    if (admission.generation !== this.#generation) {
      counts.late += 1;
      return;
    }
    const now = this.time.coarse();
    const slow = this.#isSlow(admission, now);
    if (slow) counts.slow += 1;
    const probes = this.#probes;
    if (probes !== undefined) {
      if (!probes.settle(admission, failed, slow, category)) counts.late += 1;
      this.#decide(probes, failed ? error : undefined);
      return;
    }
    this.#running.leave(admission);
    this.#window.record(now, failed, slow, category);
    this.#consecutive = failed ? this.#consecutive + 1 : 0;
    const window = this.#window;
    const running = this.#running;
    if (now >= running.nextDue) running.lookForSlow(now, this.#stalled());
    if (window.failures === 0 && window.slow === 0 && running.overdue === 0) return;
    this.#judgeWindow(failed ? error : undefined);
  }

  #ignore(admission: Admission): void {
    this.counts.ignored += 1;
    if (admission.generation === SPARED) return;
    if (admission.generation !== this.#generation) {
      this.counts.late += 1;
      return;
    }
    if (this.#probes === undefined) this.#running.leave(admission);
    else this.#probes.giveBack(admission);
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
    return duration - (this.#stalled() - admission.stalledBefore) >= slowCallDuration;
  }

  /** Whether the event loop stood still for more than half of the call: its timeout is our own fault. */
  #wasStalled(admission: Admission): boolean {
    if (!this.#watchesStalls || admission.generation === SPARED) return false;
    const stalled = stalledMs() - admission.stalledBefore;
    return stalled > 0 && stalled * 2 > this.time.exact() - admission.startedAt;
  }

  #stalled(): number {
    return this.#watchesStalls ? stalledMs() : 0;
  }

  #numbers(tally: Tally): TripWindow {
    const probes = this.#probes;
    return {
      calls: probes === undefined ? tally.calls : probes.failures + probes.successes,
      failures: probes === undefined ? tally.failures : probes.failures,
      slow: probes === undefined ? tally.slow : probes.slow,
      slowInFlight: this.#running.overdue,
      consecutiveFailures: this.#consecutive,
    };
  }

  #tripsOnRunning(now: number): boolean {
    const running = this.#running;
    const former = running.overdue;
    running.lookForSlow(now, this.#stalled());
    if (running.overdue === former) return false;
    this.#window.expire(now);
    this.#judgeWindow(undefined);
    return !this.#isPlain;
  }

  #judgeWindow(error: unknown): void {
    const window = this.#numbers(this.#window);
    const { permittedCalls, halfOpenRate } = this.settings;
    const isRamping = this.#rampUntil > 0;
    const rampFails =
      isRamping && window.calls >= permittedCalls && window.failures / window.calls >= halfOpenRate;
    const rule = brokenRule(this.settings, window) ?? (rampFails ? 'ramp' : undefined);
    if (rule !== undefined) this.#open(rule, window, error);
  }

  #decide(probes: Probes, error: unknown): void {
    const { decision } = probes;
    if (decision === 'reopen') this.#open('half-open', this.#numbers(this.#window), error);
    if (decision === 'close') {
      this.#close(this.settings.ramp);
      this.#announce('half-open', 'recovered');
      this.#seat?.closed();
    }
  }

  #openOn(admission: Admission, outcome: Outcome): void {
    const { openOn } = this.settings;
    const isOver = admission.generation !== this.#generation || this.#isolations > 0;
    if (openOn === undefined || isOver) return;
    let ms: number | undefined;
    try {
      ms = openOn(outcome);
    } catch (error) {
      reportOnce(openOn, 'breaker: openOn', error);
    }
    if (typeof ms !== 'number' || !(ms > 0)) return;
    const error = outcome.ok ? undefined : outcome.error;
    this.#open('open-on', this.#numbers(this.#window), error, ms);
  }

  // Transitions.

  #open(rule: TripRule, window: TripWindow, error: unknown, ms?: number): void {
    const trip: TripReport = {
      rule,
      inequality: inequality(rule, this.settings, window),
      window,
      failures: this.#probes?.categories ?? this.#window.categories(),
      ...(error === undefined ? {} : { error }),
    };
    const attempt = this.#openings;
    if (!this.#mayOpen()) return;
    const breakMs = ms ?? breakDuration(this.settings.resetTimeout, { attempt, trip });
    const isReopening = this.#probes !== undefined || this.#rampUntil > 0;
    this.#openFor(breakMs, attempt + 1, trip, isReopening ? 'reopened' : 'tripped');
    this.#seat?.opened({ breakMs, openings: attempt + 1, trip });
  }

  #openFor(breakMs: number, openings: number, trip: TripReport, reason: TransitionReason): void {
    const former = this.state;
    this.#openings = openings;
    this.#breakMs = breakMs;
    this.#openedAt = this.time.exact();
    this.#cause = trip.error;
    this.#rampUntil = 0;
    this.lastTrip = trip;
    this.counts.trips += 1;
    this.#begin('open');
    this.#announce(former, reason, { error: trip.error, trip, breakDurationMs: breakMs });
  }

  #mayOpen(): boolean {
    return this.#state !== 'closed' || this.#gate?.mayOpen() !== false;
  }

  // The fleet.

  leaveFleet(): void {
    this.#seat?.leave();
  }

  /** Asks for the lease when nobody has; a call never waits for the answer. */
  #holdsLease(seat: FleetSeat): boolean {
    if (this.#lease !== undefined) return this.#lease === 'held';
    this.#lease = 'asked';
    const generation = this.#generation;
    const { maxWait } = this.settings;
    const ms = Math.min(maxWait ?? Math.max(1, this.#breakMs), DEFAULT_LEASE_MS);
    void seat.lease(ms).then((wait) => {
      if (generation !== this.#generation) return;
      this.#lease = wait === 0 ? 'held' : undefined;
      if (wait === 0) return;
      // Another process probes: what it finds will be heard; if not, this one asks again.
      this.#openedAt = this.time.exact();
      this.#breakMs = wait;
    });
    return false;
  }

  #openedElsewhere({ breakMs, openings, trip }: FleetOpening): void {
    if (this.#isolations > 0 || !this.#mayOpen()) return;
    if (this.#state === 'open' && this.retryAfterMs >= breakMs) return;
    const { window, failures } = trip;
    const line = `another process opened it: ${trip.inequality}`;
    this.#openFor(
      breakMs,
      openings,
      { rule: 'fleet', inequality: line, window, failures },
      'fleet',
    );
  }

  #closedElsewhere(): void {
    if (this.#isolations > 0 || this.#state === 'closed') return;
    const former = this.state;
    this.#close(this.settings.ramp);
    this.#announce(former, 'fleet');
  }

  #halfOpen(reason: TransitionReason): void {
    const former = this.state;
    this.#begin('half-open');
    const { permittedCalls, halfOpenRate, maxWait } = this.settings;
    const lease = maxWait ?? Math.max(1, this.#breakMs || DEFAULT_LEASE_MS);
    this.#probes = new Probes(this, this.#generation, permittedCalls, halfOpenRate, lease);
    this.#window.clear();
    this.#consecutive = 0;
    this.#announce(reason === 'released' ? 'isolated' : former, reason);
  }

  #close(ramp = 0): void {
    this.#rampUntil = ramp > 0 ? this.time.exact() + ramp : 0;
    if (ramp === 0) this.#openings = 0;
    this.#cause = undefined;
    this.#window.clear();
    this.#consecutive = 0;
    this.#begin('closed');
  }

  #release(): void {
    this.#isolationNote = undefined;
    if (this.#state !== 'closed') return this.#halfOpen('released');
    this.#close();
    this.#announce('isolated', 'released');
  }

  /** Begins a new generation: what was admitted before moves nothing any more. */
  #begin(state: 'closed' | 'open' | 'half-open'): void {
    if (this.#state === 'closed' && state !== 'closed') this.#gate?.count(1);
    if (this.#state !== 'closed' && state === 'closed') this.#gate?.count(-1);
    this.#state = state;
    this.#generation += 1;
    this.#current = undefined;
    this.#probes = undefined;
    this.#lease = undefined;
    this.refusal = undefined;
    this.#running = new InFlight(this, this.#generation, this.settings.slowCallDuration);
    this.#isPlain = state === 'closed' && this.#isolations === 0 && this.#rampUntil === 0;
    this.since = this.#clock.now();
  }

  #announce(
    from: CircuitState,
    reason: TransitionReason,
    more: Partial<StateChangeEvent> | { readonly note: string | undefined } = {},
  ): void {
    this.transitions.add({
      type: 'state-change',
      at: this.since,
      wallAt: this.#clock.wall(),
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
