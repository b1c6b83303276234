import type {
  CallContext,
  CallOptions,
  Event,
  Permit,
  Policy,
  Rejection,
  Snapshot,
} from '@fournines/core';
import { type Attempt, ComponentEvents, type REFUSED, StagedPolicy } from '@fournines/core/authoring';
import type {
  CircuitBreakerEvent,
  CircuitState,
  RejectEvent,
  StateChangeEvent,
  Transition,
} from './events.ts';
import type { ExportedCircuit } from './exported-circuit.ts';
import { type Admission, DONE } from './internal/admission.ts';
import { checkExported } from './internal/check-exported.ts';
import { Circuit } from './internal/circuit.ts';
import { settingsOf } from './internal/settings.ts';
import { CircuitPermit, CircuitRejection } from './internal/two-step.ts';
import type { CircuitBreakerOptions } from './options.ts';
import type { TripReport } from './trip-report.ts';

/** What a breaker shows. `closed` is `up`, `half-open` is `degraded`, `open` and `isolated` are `down`; a shadow is `up` in any state but `isolated`. */
export interface CircuitBreakerSnapshot extends Snapshot {
  readonly state: CircuitState;
  readonly since: number;
  readonly counts: {
    /** Calls and attempts that came in. */
    readonly calls: number;
    /** Those that went well, as the verdict has it. */
    readonly success: number;
    /** Failures by category of their errors. */
    readonly failure: Readonly<Record<string, number>>;
    /** Slow ones among those that counted. */
    readonly slow: number;
    /** Those that said nothing about the dependency. */
    readonly ignored: number;
    /** Refused calls. */
    readonly rejected: number;
    /** Calls that would have been refused, had `enforcement` not let them through. */
    readonly spared: number;
    /** Outcomes that came after the circuit had moved on. */
    readonly late: number;
    /** How often it opened. */
    readonly trips: number;
  };
  readonly gauges: {
    /** The share of failures in the window, 0..1; of the probes while half-open. */
    readonly failureRate: number;
    /** The share of slow calls, those still running included. */
    readonly slowRate: number;
    /** Calls that are running. */
    readonly inFlight: number;
    /** As {@link CircuitBreaker.retryAfterMs}. */
    readonly retryAfterMs: number;
  };
}

/** A circuit breaker. */
export interface CircuitBreaker extends Policy<CallContext, CircuitBreakerSnapshot> {
  /** The state now. Stays `open` until a call probes; reading it changes nothing. */
  readonly state: CircuitState;
  /** Milliseconds until a call may probe: 0 when one may, Infinity while isolated. */
  readonly retryAfterMs: number;
  /** Why it opened last; undefined when it never did. */
  readonly lastTrip: TripReport | undefined;
  /** The last 16 changes of state, oldest first. */
  readonly history: readonly Transition[];
  /** Every event of this breaker. */
  readonly onEvent: Event<CircuitBreakerEvent>;
  /** The state changed. */
  readonly onStateChange: Event<StateChangeEvent>;
  /** A call was refused. */
  readonly onReject: Event<RejectEvent>;
  /** What an operator may do: `reset`, `isolate` (with a `reason`), `release`. */
  readonly actions: Readonly<
    Record<
      'reset' | 'isolate' | 'release',
      (input: Readonly<Record<string, unknown>>) => { readonly state: CircuitState }
    >
  >;
  /** Asks for leave in a first step and tells the outcome in a second: for streams, consumers, sockets. Makes no promise and never throws. */
  tryAcquire(call?: CallOptions): Permit | Rejection;
  /**
   * Refuses every call until what it returns is disposed; with several, until all are. Then the
   * circuit probes, or is closed as it was before. Enforced also by a shadow.
   */
  isolate(reason?: string): Disposable & { dispose(): void };
  /** Closes the circuit, forgets the window and ends every isolation. */
  reset(): void;
  /**
   * Changes options while it runs; state and window stay. `name`, `clock`, `random` and
   * `initialState` are given at the beginning only.
   *
   * @throws TypeError or RangeError as {@link circuitBreaker}; nothing has changed then.
   */
  configure(options: Omit<CircuitBreakerOptions, 'name' | 'clock' | 'random' | 'initialState'>): void;
  /** The circuit as plain JSON, for another process's `initialState`. */
  toJSON(): ExportedCircuit;
}

/**
 * Stops calling a dependency that is down: refuses at once with a `BrokenCircuitError`, and probes
 * with a few calls after `resetTimeout` until it has recovered.
 *
 * @throws TypeError or RangeError for an option that is unknown or out of bounds.
 */
export function circuitBreaker(options: CircuitBreakerOptions = {}): CircuitBreaker {
  return new Breaker(options);
}

/** A class, because its hooks are the hot path. */
class Breaker extends StagedPolicy<CallContext, CircuitBreakerSnapshot> implements CircuitBreaker {
  readonly #events: ComponentEvents<CircuitBreakerEvent> = new ComponentEvents<CircuitBreakerEvent>(
    this,
    ['state-change', 'reject'],
  );
  readonly #circuit: Circuit;
  #options: CircuitBreakerOptions;
  #operator: (() => void) | undefined;

  readonly onEvent: Event<CircuitBreakerEvent> = this.#events.onEvent;
  readonly onStateChange: Event<StateChangeEvent> = this.#events.of('state-change');
  readonly onReject: Event<RejectEvent> = this.#events.of('reject');
  readonly actions: CircuitBreaker['actions'] = {
    reset: () => {
      this.reset();
      return { state: this.state };
    },
    isolate: ({ reason }) => {
      this.#operator ??= this.#circuit.isolate(typeof reason === 'string' ? reason : 'by an operator');
      return { state: this.state };
    },
    release: () => {
      this.#operator?.();
      this.#operator = undefined;
      return { state: this.state };
    },
  };

  constructor(options: CircuitBreakerOptions) {
    const settings = settingsOf(options);
    super('circuit-breaker', options);
    this.#options = options;
    const { initialState } = options;
    this.#circuit = new Circuit(
      {
        name: this.name,
        clock: this.clock,
        random: options.random ?? Math.random,
        events: this.#events,
      },
      settings,
      initialState === undefined ? undefined : checkExported(initialState),
    );
  }

  get state(): CircuitState {
    return this.#circuit.state;
  }

  get retryAfterMs(): number {
    return this.#circuit.retryAfterMs;
  }

  get lastTrip(): TripReport | undefined {
    return this.#circuit.lastTrip;
  }

  get history(): readonly Transition[] {
    return this.#circuit.transitions.recent;
  }

  // The stage.

  enter(attempt: Attempt): Admission | typeof REFUSED {
    return this.#circuit.admit(attempt.call) ?? attempt.refuse(this.#circuit.refusal);
  }

  success(value: unknown, token: unknown): void {
    this.#circuit.success(token as Admission, value);
  }

  failure(error: unknown, token: unknown, attempt: Attempt, index: number): void {
    if (token !== DONE && attempt.isAborted(index)) this.#circuit.ignore(token as Admission);
    else this.#circuit.failure(token as Admission, error);
  }

  abort(reason: unknown, token: unknown, attempt: Attempt, index: number): void {
    // A listener may abort a call while it is being admitted: `failure` follows then.
    if (token === undefined) return;
    attempt.tokens[index] = this.#circuit.abandon(token as Admission, reason, attempt.isWaiting);
  }

  tryAcquire(call?: CallOptions): Permit | Rejection {
    const admission = this.#circuit.admit(call);
    if (admission !== undefined) return new CircuitPermit(this.#circuit, admission, call);
    return new CircuitRejection(this.#circuit.refusal as NonNullable<Circuit['refusal']>);
  }

  isolate(reason?: string): Disposable & { dispose(): void } {
    const dispose = this.#circuit.isolate(reason);
    return { dispose, [Symbol.dispose]: dispose };
  }

  reset(): void {
    this.#operator = undefined;
    this.#circuit.reset();
  }

  configure(options: Omit<CircuitBreakerOptions, 'name' | 'clock' | 'random' | 'initialState'>): void {
    const fixed = ['name', 'clock', 'random', 'initialState'].find((key) => key in options);
    if (fixed !== undefined) throw new TypeError(`breaker: configure cannot change ${fixed}`);
    const merged = { ...this.#options, ...options };
    this.#circuit.configure(settingsOf(merged));
    this.#options = merged;
  }

  toJSON(): ExportedCircuit {
    return this.#circuit.export();
  }

  snapshot(): CircuitBreakerSnapshot {
    const { counts, recentWindow: window, state } = this.#circuit;
    const seen = window.calls + window.slowInFlight;
    return {
      status: this.#status(state),
      state,
      since: this.#circuit.since,
      counts: {
        calls: counts.calls,
        success: counts.success,
        failure: counts.failures,
        slow: counts.slow,
        ignored: counts.ignored,
        rejected: counts.rejected,
        spared: counts.spared,
        late: counts.late,
        trips: counts.trips,
      },
      gauges: {
        failureRate: window.calls === 0 ? 0 : window.failures / window.calls,
        slowRate: seen === 0 ? 0 : (window.slow + window.slowInFlight) / seen,
        inFlight: this.#circuit.inFlight,
        retryAfterMs: this.retryAfterMs,
      },
    };
  }

  #status(state: CircuitState): CircuitBreakerSnapshot['status'] {
    if (state === 'isolated') return 'down';
    if (state === 'closed' || this.#circuit.settings.enforcement === 0) return 'up';
    return state === 'half-open' ? 'degraded' : 'down';
  }
}
