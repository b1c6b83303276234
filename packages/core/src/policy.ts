import type { IFailureEvent, IPolicy, ISuccessEvent } from 'cockatiel';
import type { CallContext, CallOptions } from './call-options.ts';
import type { Component, Snapshot } from './component.ts';
import type { Event } from './event.ts';

/**
 * A policy: runs a function under a rule (a timeout, a circuit breaker, …). Every policy is a
 * cockatiel `IPolicy`, so it fits `wrap()` and {@link compose} at any place, and a
 * {@link Component} that can be watched.
 *
 * `C` is the context that the function receives, `S` the snapshot, `Alt` what the policy may
 * answer instead of the function's own value.
 */
export interface Policy<
  C extends CallContext = CallContext,
  S extends Snapshot = Snapshot,
  Alt = never,
>
  extends IPolicy<C, Alt>, Component<S> {
  /** What came to this policy went well. Fires, and costs, only while somebody listens. */
  readonly onSuccess: Event<ISuccessEvent>;
  /** What came to this policy failed, or it answered with an error. `handled` is false when the caller gave up. */
  readonly onFailure: Event<IFailureEvent>;
  /**
   * Runs `fn` under the policy and settles as it does, unless the policy decides otherwise.
   * Never throws synchronously.
   *
   * @param fn The work. Receives the call's context.
   * @param call The caller's abort signal, or more about this call.
   */
  execute<T>(
    fn: (context: C) => PromiseLike<T> | T,
    call?: AbortSignal | CallOptions,
  ): Promise<T | Alt>;
}

/** Any policy: ours or cockatiel's. */
// oxlint-disable-next-line typescript/no-explicit-any -- a policy's context is both taken and given, so only `any` admits all of them
export type AnyPolicy = IPolicy<any, any>;

/** The context that a policy hands to its function. */
// oxlint-disable-next-line typescript/no-explicit-any -- see AnyPolicy
export type ContextOf<P extends AnyPolicy> = P extends IPolicy<infer C, any> ? C : never;

/** The contexts of several policies, merged into one. */
export type MergedContext<Ps extends readonly AnyPolicy[]> = Ps extends readonly [
  infer H extends AnyPolicy,
  ...infer R extends readonly AnyPolicy[],
]
  ? ContextOf<H> & MergedContext<R>
  : CallContext;
