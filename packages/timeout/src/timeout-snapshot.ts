import type { Snapshot } from '@fournines/core';

/** What a timeout shows. */
export interface TimeoutSnapshot extends Snapshot {
  readonly counts: {
    /** Calls and attempts that came in. */
    readonly calls: number;
    /** Of them, how many ran out of time, or had none left when they came. */
    readonly timeouts: number;
    /** Calls that ended in time, well or not, but took longer than `slowRatio` of it. */
    readonly slow: number;
    /** Calls whose work ended after the caller had been answered. */
    readonly late: number;
  };
  readonly gauges: {
    /** Calls whose caller still waits. */
    readonly inFlight: number;
    /** For an operation of `timeouts`: half of its calls of the last minute took no longer, in milliseconds. Absent while there are none. */
    readonly p50Ms?: number;
    /** The same for 95 % of its calls. */
    readonly p95Ms?: number;
    /** The same for 99 % of its calls. */
    readonly p99Ms?: number;
  };
}
