import type { CallOptions, CommonOptions, OutcomeFilter } from '@fournines/core';
import type { Outcome } from '@fournines/core/authoring';
import type { Classifier } from '@fournines/error-classification';
import type { ExportedCircuit } from './exported-circuit.ts';
import type { Fleet } from './fleet.ts';
import type { TripReport } from './trip-report.ts';

/** Options of {@link circuitBreaker}. The rules are OR-ed: whichever holds first opens the circuit. */
export interface CircuitBreakerOptions extends CommonOptions {
  /** Opens after this many failures in a row. An integer ≥ 1. Default: off. */
  readonly failureThreshold?: number;
  /**
   * Opens when at least this share of the calls in the window failed: > 0 and ≤ 1, `false` = off.
   * Default 0.5; off when `failureThreshold` is given without it.
   */
  readonly failureRateThreshold?: number | false;
  /**
   * The rates count only once the window holds this many calls. An integer ≥ 1. Default 20, or the
   * window's `size` where that is smaller; may not be greater than `size`.
   */
  readonly minimumCalls?: number;
  /** What the rates look back on: the last `duration` ms, or the last `size` calls. Default `{ duration: 30_000, buckets: 10 }`. */
  readonly slidingWindow?: TimeWindowOptions | CountWindowOptions;
  /**
   * A call that takes at least this many milliseconds is slow, failed or not; one that still runs
   * counts as slow from that moment on. > 0. Default: off.
   */
  readonly slowCallDuration?: number;
  /** Opens when at least this share of calls is slow: > 0 and ≤ 1. Default 1. Needs `slowCallDuration`. */
  readonly slowCallRateThreshold?: number;
  /**
   * Opens when `minimumCalls` have been running for `slowCallDuration` or longer and none that started
   * with or after them was answered, whatever the window holds. Default true. Needs `slowCallDuration`.
   */
  readonly blackHole?: boolean;
  /**
   * How long the circuit stays open before a call probes, in milliseconds, or a function of how
   * it tripped. ≥ 0. Default 30 000; what a function gets wrong is 30 000 too.
   */
  readonly resetTimeout?: number | ((info: BreakInfo) => number);
  /** How the half-open circuit probes. */
  readonly halfOpen?: HalfOpenOptions;
  /** What an error means. Default: `classify` of `@fournines/error-classification`. */
  readonly classify?: Classifier;
  /** Whether a returned value is a failure. One that throws says yes. Default: none is. */
  readonly isFailure?: (value: unknown) => boolean;
  /** A filter of cockatiel (`handleAll`, `handleWhen(…)`): what it takes is a failure, all else went well. Replaces `classify` and `isFailure`. */
  readonly handle?: OutcomeFilter;
  /**
   * The exact list of errors that count, by `code` anywhere in the chain of causes, or a predicate.
   * Every other error went well. Default: what `classify` says.
   */
  readonly expectedErrors?: readonly string[] | ((error: unknown) => boolean);
  /** Which calls may be sent as probes: not the payment. One that throws admits nobody. Default: all. */
  readonly isProbe?: (call: CallOptions) => boolean;
  /**
   * After closing, lets traffic come back over this many milliseconds, from a tenth to all. Until
   * then the rule of the half-open state stays in force. ≥ 0. Default 0: at once.
   */
  readonly ramp?: number;
  /** Which share of refusals is carried out, 0..1: 0 is a shadow that trips and reports but lets every call through. Default 1. */
  readonly enforcement?: number;
  /**
   * The dependency says when to come back: milliseconds to stay open from now, or undefined. It stands in for
   * `resetTimeout` where the same outcome trips a rule, and prolongs a break that is under way. One that throws says
   * undefined.
   */
  readonly openOn?: (outcome: Outcome) => number | undefined;
  /** Discounts time in which this process's own event loop stood still. Default true. */
  readonly stalls?: boolean;
  /** Where another process left off: what its `toJSON()` returned. */
  readonly initialState?: ExportedCircuit;
  /** Shares transitions with the breakers of the same name in other processes: `fleet(redis)`. Default: alone. */
  readonly fleet?: Fleet;
  /** Chance, uniform in [0, 1): for `ramp` and `enforcement`. One that throws refuses. Default `Math.random`. */
  readonly random?: () => number;
}

/** A window over time. */
export interface TimeWindowOptions {
  /** How far back it looks, in milliseconds. > 0. */
  readonly duration: number;
  /** In how many steps it moves on. An integer, 1 to 1 000. Default 10. */
  readonly buckets?: number;
}

/** A window over the last calls. */
export interface CountWindowOptions {
  /** How many calls it holds. An integer, 1 to 100 000. */
  readonly size: number;
}

/** How the half-open circuit probes. */
export interface HalfOpenOptions {
  /** How many probes decide; excess calls are refused. An integer, 1 to 1 000. Default 3. */
  readonly permittedCalls?: number;
  /** Opens again when at least this share of the probes failed or were slow: > 0 and ≤ 1. Default 0.5. Decided as soon as it is certain. */
  readonly failureRateThreshold?: number;
  /** A probe that has not settled after this many milliseconds counts as failed. > 0; Infinity waits for ever. Default: as long as the circuit was open, 30 000 where that is 0. */
  readonly maxWait?: number;
}

/** What a `resetTimeout` function may look at. */
export interface BreakInfo {
  /** How often the circuit opened before without closing in between: 0 the first time. */
  readonly attempt: number;
  /** Why it opens. */
  readonly trip: TripReport;
}
