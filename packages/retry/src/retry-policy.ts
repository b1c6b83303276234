import type { CallContext, ComponentEvent, Event, Policy, Snapshot } from '@fournines/core';
import type { Classification } from '@fournines/error-classification';

/** What the function receives. */
export interface RetryContext extends CallContext {
  /** Which try this is, counted from 0. */
  readonly attempt: number;
}

/**
 * Why no further attempt was made, in the order in which the reasons are looked at.
 * - `aborted`: the caller, or a policy further out, aborted the call.
 * - `not-retryable`: another try cannot help, says the classification, `shouldRetry` or `handle`.
 * - `not-idempotent`: it is unknown whether the try took effect, and the call is not idempotent.
 * - `consumed`: part of the result was handed out, or the body of the request is used up.
 * - `attempts`: `maxAttempts` were made.
 * - `deadline`: the delay leaves, or the wait left, no time for another attempt; or there was too little for the first.
 * - `server-delay`: the server asks for more patience than `maxServerDelay`.
 * - `breaker`: a circuit is open for longer than there is time, or nothing says how much there is.
 * - `budget`: the retry budget is used up.
 */
export type GiveUpReason =
  | 'aborted'
  | 'not-retryable'
  | 'not-idempotent'
  | 'consumed'
  | 'attempts'
  | 'deadline'
  | 'server-delay'
  | 'breaker'
  | 'budget';

/** An attempt failed and another will be made. */
export interface RetryEvent extends ComponentEvent {
  readonly type: 'retry';
  /** Which attempt failed, counted from 0. */
  readonly attempt: number;
  /** How long the policy waits before the next one, in milliseconds. */
  readonly delayMs: number;
  /** What it failed with; undefined when it was a value. */
  readonly error: unknown;
  /** What the error means; undefined when it was a value. */
  readonly classification: Classification | undefined;
}

/** A call failed and no further attempt will be made. */
export interface GiveUpEvent extends ComponentEvent {
  readonly type: 'give-up';
  /** Why. */
  readonly reason: GiveUpReason;
  /** How many attempts were made. One that an open breaker further in refused is none. */
  readonly attempts: number;
  /** How long the server or the breaker asked to wait, in milliseconds, where it did. */
  readonly retryAfterMs?: number;
  /** What the last attempt failed with; undefined when it was a value. */
  readonly error: unknown;
}

/** Counts of a retry policy. */
export interface RetrySnapshot extends Snapshot {
  readonly counts: {
    /** Calls that came in. */
    readonly calls: number;
    /** Attempts of them, the first ones included, and those that a breaker refused: when they are counted, it is not known yet. */
    readonly attempts: number;
    /** Attempts after the first, those included that a breaker refused. */
    readonly retries: number;
    /** Calls that went well after a retry. */
    readonly recovered: number;
    /** Calls that failed, by reason. */
    readonly gaveUp: Readonly<Record<GiveUpReason, number>>;
  };
  readonly gauges: {
    /** How many retries the budget would allow now; absent without a budget. */
    readonly budget?: number;
  };
}

/** A policy that tries again. */
export interface RetryPolicy extends Policy<RetryContext, RetrySnapshot> {
  /** Every event of this policy. */
  readonly onEvent: Event<RetryEvent | GiveUpEvent>;
  /** An attempt failed and another will be made. */
  readonly onRetry: Event<RetryEvent>;
  /** A call failed and no further attempt will be made. */
  readonly onGiveUp: Event<GiveUpEvent>;
}
