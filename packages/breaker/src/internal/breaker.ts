import type {
  CallContext,
  CallOptions,
  Component,
  Event,
  Permit,
  Rejection,
} from '@fournines/core';
import {
  type Attempt,
  ComponentEvents,
  type REFUSED,
  StagedPolicy,
  checkOptions,
} from '@fournines/core/authoring';
import type { CircuitBreaker, CircuitBreakerSnapshot } from '../circuit-breaker.ts';
import type {
  CircuitBreakerEvent,
  CircuitState,
  RejectEvent,
  StateChangeEvent,
  Transition,
  TripWithheldEvent,
} from '../events.ts';
import type { ExportedCircuit } from '../exported-circuit.ts';
import type { CircuitBreakerOptions } from '../options.ts';
import type { TripReport } from '../trip-report.ts';
import type { Admission } from './admission.ts';
import { checkExported } from './check-exported.ts';
import { Circuit } from './circuit.ts';
import type { CircuitHome } from './circuit-parts.ts';
import { OPTIONS, settingsOf } from './settings.ts';
import { abandonAttempt, settleFailure } from './stage-hooks.ts';
import { acquire } from './two-step.ts';

/** A class, because its hooks are the hot path. */
export class Breaker
  extends StagedPolicy<CallContext, CircuitBreakerSnapshot>
  implements CircuitBreaker
{
  readonly #events: ComponentEvents<CircuitBreakerEvent> = new ComponentEvents<CircuitBreakerEvent>(
    this as unknown as Component,
    ['state-change', 'reject', 'trip-withheld'],
  );
  readonly circuit: Circuit;
  #options: CircuitBreakerOptions;
  #operator: (() => void) | undefined;

  constructor(options: CircuitBreakerOptions, home?: CircuitHome) {
    const settings = settingsOf(options);
    super('circuit-breaker', options);
    this.#options = options;
    const { initialState } = options;
    this.circuit = new Circuit(
      {
        name: this.name,
        clock: this.clock,
        random: options.random ?? Math.random,
        events: this.#events,
        home,
        fleet: options.fleet,
      },
      settings,
      initialState === undefined ? undefined : checkExported(initialState),
    );
  }

  get state(): CircuitState {
    return this.circuit.state;
  }

  get retryAfterMs(): number {
    return this.circuit.retryAfterMs;
  }

  get lastTrip(): TripReport | undefined {
    return this.circuit.lastTrip;
  }

  get history(): readonly Transition[] {
    return this.circuit.transitions.recent;
  }

  get onEvent(): Event<CircuitBreakerEvent> {
    return this.#events.onEvent;
  }

  get onStateChange(): Event<StateChangeEvent> {
    return this.#events.of('state-change');
  }

  get onReject(): Event<RejectEvent> {
    return this.#events.of('reject');
  }

  get onTripWithheld(): Event<TripWithheldEvent> {
    return this.#events.of('trip-withheld');
  }

  get actions(): CircuitBreaker['actions'] {
    return {
      reset: () => {
        this.reset();
        return { state: this.state };
      },
      isolate: ({ reason }) => {
        const note = typeof reason === 'string' ? reason : 'by an operator';
        this.#operator ??= this.circuit.operator.isolate(note);
        return { state: this.state };
      },
      release: () => {
        this.#operator?.();
        this.#operator = undefined;
        return { state: this.state };
      },
    };
  }

  // The stage.

  enter(attempt: Attempt): Admission | typeof REFUSED {
    return this.circuit.admit(attempt.call) ?? attempt.refuse(this.circuit.refusal);
  }

  success(value: unknown, token: unknown): void {
    this.circuit.success(token as Admission, value);
  }

  failure(error: unknown, token: unknown, attempt: Attempt, index: number): void {
    settleFailure(token as Admission, error, attempt, index);
  }

  abort(reason: unknown, token: unknown, attempt: Attempt, index: number): void {
    abandonAttempt(token as Admission | undefined, reason, attempt, index);
  }

  tryAcquire(call?: CallOptions): Permit | Rejection {
    return acquire(this.circuit, call);
  }

  isolate(reason?: string): Disposable & { dispose(): void } {
    const dispose = this.circuit.operator.isolate(reason);
    return { dispose, [Symbol.dispose]: dispose };
  }

  reset(): void {
    this.#operator = undefined;
    this.circuit.operator.reset();
  }

  configure(
    options: Omit<CircuitBreakerOptions, 'name' | 'clock' | 'random' | 'initialState' | 'fleet'>,
  ): void {
    checkOptions('breaker: configure', options, OPTIONS);
    const fixed = ['name', 'clock', 'random', 'initialState', 'fleet'].find(
      (key) => key in options,
    );
    if (fixed !== undefined) throw new TypeError(`breaker: configure cannot change ${fixed}`);
    const merged = { ...this.#options, ...options };
    this.circuit.operator.configure(settingsOf(merged));
    this.#options = merged;
  }

  toJSON(): ExportedCircuit {
    return this.circuit.operator.export();
  }

  snapshot(): CircuitBreakerSnapshot {
    const { counts, numbers: window, state } = this.circuit;
    const seen = window.calls + window.slowInFlight;
    return {
      status: this.#status(state),
      state,
      since: this.circuit.since,
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
        withheld: counts.withheld,
      },
      gauges: {
        failureRate: window.calls === 0 ? 0 : window.failures / window.calls,
        slowRate: seen === 0 ? 0 : (window.slow + window.slowInFlight) / seen,
        inFlight: this.circuit.inFlight,
        retryAfterMs: this.retryAfterMs,
      },
    };
  }

  #status(state: CircuitState): CircuitBreakerSnapshot['status'] {
    if (state === 'isolated') return 'down';
    if (state === 'closed' || this.circuit.settings.enforcement === 0) return 'up';
    return state === 'half-open' ? 'degraded' : 'down';
  }
}
