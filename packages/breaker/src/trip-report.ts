/** Which rule opened a circuit. */
export type TripRule =
  | 'failure-threshold'
  | 'failure-rate'
  | 'slow-call-rate'
  | 'black-hole'
  | 'half-open'
  | 'ramp'
  | 'open-on'
  | 'fleet';

/** Why a circuit opened: what the on-call person asks first. */
export interface TripReport {
  /** Which rule held. */
  readonly rule: TripRule;
  /** The rule with its numbers: `11 of 20 calls failed: 0.55 >= failureRateThreshold 0.5`. */
  readonly inequality: string;
  /** What the rule looked at. */
  readonly window: TripWindow;
  /** The failures of the window by category of their errors. */
  readonly failures: Readonly<Record<string, number>>;
  /** An error of those: the one that tripped it, or the latest. Absent when only values or slow calls did. */
  readonly error?: unknown;
}

/** The numbers that a rule looked at. */
export interface TripWindow {
  /** Settled calls. */
  readonly calls: number;
  /** Of them, failures. */
  readonly failures: number;
  /** Of them, slow ones. */
  readonly slow: number;
  /** Calls still running that are slow already. */
  readonly slowInFlight: number;
  /** Of those, calls that started later than every call that was answered: many of them are a black hole. */
  readonly unanswered: number;
  /** Failures in a row. */
  readonly consecutiveFailures: number;
}
