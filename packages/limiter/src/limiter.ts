import type {
  CallContext,
  CallOptions,
  ComponentEvent,
  Event,
  LimitRejectedError,
  Permit,
  Policy,
  Rejection,
  Snapshot,
} from '@fournines/core';

/** A limiter refused a call. */
export interface RejectEvent<Reason extends string = string> extends ComponentEvent {
  readonly type: 'reject';
  /** Why, as it is counted. */
  readonly reason: Reason;
  /** What the caller gets. */
  readonly error: LimitRejectedError;
}

/** A limiter's limit changed: by `resize`, or because it adapts. */
export interface LimitChangeEvent extends ComponentEvent {
  readonly type: 'limit-change';
  /** The limit before. */
  readonly from: number;
  /** The limit from now on. */
  readonly to: number;
}

/** Every event of a limiter. */
export type LimiterEvent<Reason extends string = string> = RejectEvent<Reason> | LimitChangeEvent;

/** What a limiter has counted, and where it stands. */
export interface LimiterSnapshot<Reason extends string = string> extends Snapshot {
  readonly counts: {
    /** Calls that were let through. */
    readonly admitted: number;
    /** Calls that waited in the queue first. */
    readonly queued: number;
    /** Calls that were refused, by reason. */
    readonly rejected: Readonly<Record<Reason, number>>;
  };
  readonly gauges: {
    /** The present limit. */
    readonly limit: number;
    /** Calls that were admitted and have not settled. */
    readonly inFlight: number;
    /** Calls that wait in the queue. */
    readonly queued: number;
  };
}

/** A policy that admits calls or refuses them. */
export interface Limiter<
  Reason extends string = string,
  S extends Snapshot = LimiterSnapshot<Reason>,
> extends Policy<CallContext, S> {
  /** Every event of this limiter. */
  readonly onEvent: Event<LimiterEvent<Reason>>;
  /** It refused a call. */
  readonly onReject: Event<RejectEvent<Reason>>;
  /**
   * Admission without a function, for work that is no single call: settle the permit, or dispose
   * it. Never waits and never throws.
   */
  tryAcquire(call?: CallOptions): Permit | Rejection;
}

/** A limiter whose limit may change. */
export interface ChangingLimiter<
  Reason extends string = string,
  S extends Snapshot = LimiterSnapshot<Reason>,
> extends Limiter<Reason, S> {
  /** Its limit changed. */
  readonly onLimitChange: Event<LimitChangeEvent>;
}
