/**
 * How a concurrency limit learns. Calls are numbered as they are admitted; what is learned from a
 * call that started before the last decision is old news and does not count again.
 */
export interface Concurrency {
  /** The present limit. Not rounded. */
  readonly limit: number;
  /** Whether the next call's duration is wanted: reading the clock costs more than the rest. */
  wantsTime(): boolean;
  /** A call was accepted. `durationMs` is NaN when it was not timed. */
  accepted(number: number, durationMs: number, inFlight: number, now: number): void;
  /** A call met overload. `latest` is the number of the call that was admitted last. */
  overloaded(number: number, latest: number): void;
}

/** Where a limit may go. */
export interface Bounds {
  readonly initial: number;
  readonly min: number;
  readonly max: number;
}
