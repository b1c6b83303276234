import type { BrokenCircuitError, ComponentEvent } from '@fournines/core';
import type { TripReport } from './trip-report.ts';

/** The state of a circuit. `open` until a call probes, also when its time is up. */
export type CircuitState = 'closed' | 'open' | 'half-open' | 'isolated';

/** What moved a circuit. */
export type TransitionReason =
  | 'tripped'
  | 'reopened'
  | 'probing'
  | 'recovered'
  | 'isolated'
  | 'released'
  | 'reset'
  | 'fleet';

/** A change of state. */
export interface Transition {
  /** When, in monotonic milliseconds of the breaker's clock. */
  readonly at: number;
  /** When, in milliseconds since the Unix epoch. */
  readonly wallAt: number;
  /** The former state. */
  readonly from: CircuitState;
  /** The new state. */
  readonly to: CircuitState;
  /** What moved it. */
  readonly reason: TransitionReason;
}

/** The circuit changed its state. Listeners hear of changes in their order, after the state is final. */
export interface StateChangeEvent extends ComponentEvent, Transition {
  readonly type: 'state-change';
  /** Why it tripped, when it opened. */
  readonly trip?: TripReport;
  /** How long it stays open, in milliseconds, when it opened. */
  readonly breakDurationMs?: number;
  /** What was said when it was isolated. */
  readonly note?: string;
  /** Whether refusals are carried out: false while `enforcement` is 0. */
  readonly enforced: boolean;
}

/** A call was refused, or would have been. */
export interface RejectEvent extends ComponentEvent {
  readonly type: 'reject';
  /** The error that the caller saw, or would have seen. */
  readonly error: BrokenCircuitError;
  /** The state of the circuit. */
  readonly state: CircuitState;
  /** When to come back, in milliseconds. */
  readonly retryAfterMs: number;
  /** Whether the call was refused: false when `enforcement` let it through. */
  readonly enforced: boolean;
}

/** A rule held, and the group's `maxOpenRatio` kept the circuit closed. Told once, until the rule holds no more. */
export interface WithheldEvent extends ComponentEvent {
  readonly type: 'withheld';
  /** Why it would have opened. */
  readonly trip: TripReport;
}

/** Every event of a breaker. */
export type CircuitBreakerEvent = StateChangeEvent | RejectEvent | WithheldEvent;
