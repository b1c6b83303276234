import type { Deadline } from '../deadline.ts';
import type { Attempt } from './attempt.ts';

/** What `enter` returns when the call waits in a queue: the stage calls `attempt.resume` or `attempt.fail` later. */
export const PARKED: unique symbol = Symbol('parked');

/** What `enter` returns after `attempt.refuse(error)`: the call goes no further in. */
export const REFUSED: unique symbol = Symbol('refused');

/** What `success` or `failure` returns when the stage has taken the outcome over: it carries on by `attempt.succeed`, `fail` or `repeat`. */
export const HELD: unique symbol = Symbol('held');

/**
 * What a policy contributes to a chain of policies. A call enters the stages from the outermost
 * inward, runs the function, and its outcome passes them outward again. Everything is synchronous:
 * a stage that needs time parks the call or holds the outcome.
 *
 * `index` is the stage's place in the chain, `token` what its `enter` returned for this attempt.
 * Hooks must not throw: what users give is called through guards. Of one that does, the runner
 * reports it once and goes on as if it had done nothing; one that throws in `enter` refuses the call.
 */
export interface Stage {
  /** Whether it may answer the caller while the function still runs, or park a call. */
  readonly answersEarly?: boolean;
  /** Whether it ever aborts what is inside of it. */
  readonly abortsInside?: boolean;
  /** Whether it may run its inside more than once: the context then has `attempt`. */
  readonly repeats?: boolean;
  /** Whether its attempts are among the `startingAttempts` while their function is being started. Costs a few nanoseconds. */
  readonly announcesStart?: boolean;
  /** Whether it looks at the success of a first attempt; after a failure it is told in any case. Default: whether it has `success`. */
  readonly observesSuccess?: boolean;
  /**
   * Whether it wants to know at once that the caller aborted. Default: whether it has `abort`. A
   * stage that waits only now and then says false, and calls `attempt.watchCaller()` before it waits.
   */
  readonly watchesCaller?: boolean;
  /** The call comes in. Returns a token of the stage's own, {@link PARKED} or {@link REFUSED}. */
  enter?(attempt: Attempt, index: number): unknown;
  /**
   * The inside succeeded. Nothing returned: the value passes on. `via` is the attempt that
   * produced the outcome: `attempt` itself, or a repetition that this stage started.
   */
  success?(
    value: unknown,
    token: unknown,
    attempt: Attempt,
    index: number,
    via: Attempt,
  ): void | typeof HELD;
  /** The inside failed, or refused. */
  failure?(
    error: unknown,
    token: unknown,
    attempt: Attempt,
    index: number,
    via: Attempt,
  ): void | typeof HELD;
  /**
   * The call is aborted from further out, by the caller or by an outer stage, while the stage's
   * inside, or the stage itself, is not done. May answer at once by `attempt.answer`.
   */
  abort?(reason: unknown, token: unknown, attempt: Attempt, index: number): void;
  /** The inside settled after this stage had answered. */
  late?(outcome: Outcome, token: unknown, attempt: Attempt, index: number, via: Attempt): void;
  /** The moment by which the inside must be done, where the stage sets one. */
  deadline?(token: unknown): Deadline | undefined;
  /** @internal Told of outcomes while somebody listens to the policy's `onSuccess` or `onFailure`. */
  readonly contract?: ContractListeners | undefined;
}

/** How something ended. */
export type Outcome = Success | Failure;

/** Something went well. */
export interface Success {
  /** Tells it from a {@link Failure}. */
  readonly ok: true;
  /** What came of it. */
  readonly value: unknown;
}

/** Something failed. */
export interface Failure {
  /** Tells it from a {@link Success}. */
  readonly ok: false;
  /** Why. */
  readonly error: unknown;
}

/** The listeners of cockatiel's contract. */
export interface ContractListeners {
  settled(ok: boolean, outcome: unknown, attempt: Attempt): void;
}
