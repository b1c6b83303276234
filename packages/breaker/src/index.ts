export {
  type ActionResult,
  type CircuitBreaker,
  type CircuitBreakerSnapshot,
  type Isolation,
  circuitBreaker,
} from './circuit-breaker.ts';
export {
  type CircuitBreakers,
  type CircuitBreakersOptions,
  type ResetResult,
  circuitBreakers,
} from './circuit-breakers.ts';
export type {
  CircuitBreakerEvent,
  CircuitState,
  RejectEvent,
  StateChangeEvent,
  Transition,
  TransitionReason,
  WithheldEvent,
} from './events.ts';
export type {
  ExportedCircuit,
  ExportedCountWindow,
  ExportedTimeWindow,
  ExportedWindow,
} from './exported-circuit.ts';
export {
  type Fleet,
  type FleetOptions,
  type FleetRedis,
  type FleetSubscriber,
  fleet,
} from './fleet.ts';
export type {
  BreakInfo,
  CircuitBreakerOptions,
  CountWindowOptions,
  HalfOpenOptions,
  TimeWindowOptions,
} from './options.ts';
export { breakerPresets } from './presets.ts';
export type { TripReport, TripRule, TripWindow } from './trip-report.ts';
export type { OutcomeFilter } from '@fournines/core';
