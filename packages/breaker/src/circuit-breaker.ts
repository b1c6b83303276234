import type {
  CallContext,
  CallOptions,
  Event,
  Permit,
  Policy,
  Rejection,
  Snapshot,
} from '@fournines/core';
import type {
  CircuitBreakerEvent,
  CircuitState,
  RejectEvent,
  StateChangeEvent,
  Transition,
  TripWithheldEvent,
} from './events.ts';
import type { ExportedCircuit } from './exported-circuit.ts';
import { Breaker } from './internal/breaker.ts';
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
    /** How often it would have opened, had `maxOpenRatio` of its group not kept it closed. */
    readonly withheld: number;
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

/** What an action answers. */
export interface ActionResult {
  /** The state of the circuit afterwards. */
  readonly state: CircuitState;
}

/** One isolation. Dispose it to end it. */
export interface Isolation extends Disposable {
  /** Ends it; nothing happens the second time. */
  dispose(): void;
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
  /** It would have opened, had `maxOpenRatio` of its group not kept it closed. */
  readonly onTripWithheld: Event<TripWithheldEvent>;
  /** What an operator may do: `reset`, `isolate` (with a `reason`), `release`. */
  readonly actions: Readonly<
    Record<
      'reset' | 'isolate' | 'release',
      (input: Readonly<Record<string, unknown>>) => ActionResult
    >
  >;
  /** Asks for leave in a first step and tells the outcome in a second: for streams, consumers, sockets. Makes no promise and never throws. */
  tryAcquire(call?: CallOptions): Permit | Rejection;
  /**
   * Refuses every call until what it returns is disposed; with several, until all are. Then the
   * circuit probes, or is closed as it was before. Enforced also by a shadow.
   */
  isolate(reason?: string): Isolation;
  /** Closes the circuit, forgets the window and ends every isolation. */
  reset(): void;
  /**
   * Changes options while it runs. The state stays, and so does what the window holds, unless a window over time becomes
   * one over calls or the other way round: that begins empty. A break or a ramp under way keeps its length;
   * `ramp: 0` ends it. `name`, `clock`, `random`, `initialState`
   * and `fleet` are given at the beginning only.
   *
   * @throws TypeError or RangeError as {@link circuitBreaker}; nothing has changed then.
   */
  configure(
    options: Omit<CircuitBreakerOptions, 'name' | 'clock' | 'random' | 'initialState' | 'fleet'>,
  ): void;
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
