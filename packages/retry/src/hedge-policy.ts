import type { ComponentEvent, Event, Policy, Snapshot } from '@fournines/core';
import type { RetryContext } from './retry-policy.ts';

/** One more attempt was started beside those that run. */
export interface HedgeEvent extends ComponentEvent {
  readonly type: 'hedge';
  /** Which hedge of its call this is, counted from 1. */
  readonly attempt: number;
  /** What started it: the time that had passed, or a failed attempt (`error`). */
  readonly trigger: 'delay' | 'failure';
}

/** Counts of a hedge policy. */
export interface HedgeSnapshot extends Snapshot {
  readonly counts: {
    /** Calls and attempts that came in. */
    readonly calls: number;
    /** Attempts that were started beside the first. */
    readonly hedges: number;
    /** Calls that such an attempt answered. */
    readonly won: number;
  };
  readonly gauges: {
    /** After how long the next call is hedged, in milliseconds; absent while too little is known. */
    readonly delayMs?: number;
  };
}

/** A policy that asks a second time when the first answer takes long. `context.attempt` is 0 for the first attempt. */
export interface HedgePolicy extends Policy<RetryContext, HedgeSnapshot> {
  /** Every event of this policy. */
  readonly onEvent: Event<HedgeEvent>;
  /** One more attempt was started. */
  readonly onHedge: Event<HedgeEvent>;
}
