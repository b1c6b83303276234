/** A circuit as it travels to another process: plain JSON. Times are wall times, so both clocks should agree. */
export interface ExportedCircuit {
  /** The form of this object. */
  readonly version: 1;
  /** What the circuit is apart from any isolation. Half-open travels as open with no time left: probes stay behind. */
  readonly state: 'closed' | 'open';
  /** Whether it was isolated by hand. For display only: an isolation ends with its own process. */
  readonly isolated: boolean;
  /** When it was exported, in milliseconds since the Unix epoch. */
  readonly exportedAt: number;
  /** When it may probe, in milliseconds since the Unix epoch; null: never by itself. Only when open. */
  readonly openUntil?: number | null;
  /** How often it has opened without closing in between. */
  readonly openings: number;
  /** Failures in a row. */
  readonly consecutiveFailures: number;
  /** The window's outcomes, newest first. */
  readonly window: ExportedWindow;
}

/** A window's content, newest first. */
export type ExportedWindow = ExportedTimeWindow | ExportedCountWindow;

/** A window over time, newest step first. */
export interface ExportedTimeWindow {
  /** Tells it from an {@link ExportedCountWindow}. */
  readonly kind: 'time';
  /** The length of a step, in milliseconds. */
  readonly bucketMs: number;
  /** Calls, failures and slow calls of each step. */
  readonly buckets: readonly (readonly [calls: number, failures: number, slow: number])[];
}

/** A window over the last calls, newest first. */
export interface ExportedCountWindow {
  /** Tells it from an {@link ExportedTimeWindow}. */
  readonly kind: 'count';
  /** Each outcome: 1 failed, 2 slow, 3 both, 0 neither. */
  readonly outcomes: readonly number[];
}
