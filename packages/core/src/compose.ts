import type { IFailureEvent, ISuccessEvent } from 'cockatiel';
import type { CallOptions } from './call-options.ts';
import { type Component, type Snapshot, isComponent, worstStatus } from './component.ts';
import type { Event } from './event.ts';
import { Chain, contribute, linksOf } from './internal/chain.ts';
import { checkPolicy } from './internal/check-policy.ts';
import { ContractEvents } from './internal/contract-events.ts';
import { nextName } from './internal/names.ts';
import type { AnyPolicy, MergedContext, Policy } from './policy.ts';

/** Several policies as one. */
export interface Composed<Ps extends readonly AnyPolicy[]> extends Policy<
  MergedContext<Ps>,
  Snapshot,
  Ps[number]['_altReturn']
> {}

/**
 * Makes one policy of several, outermost first: ours and cockatiel's, in any order. The function
 * receives the fields of all their contexts; what a fallback may answer is part of the result's
 * type. One `AbortController` per attempt serves the whole chain, made when somebody reads the
 * signal.
 *
 * The usual order: fallback or cache, `timeout` (in total), `retry`, `circuitBreaker`, `timeout`
 * (per attempt), a limiter, then the call.
 *
 * @throws TypeError when there is no policy, or one of them is none.
 */
export function compose<Ps extends readonly AnyPolicy[]>(...policies: Ps): Composed<Ps> {
  if (policies.length === 0) throw new TypeError('compose: needs at least one policy, got none');
  policies.forEach((policy, i) => checkPolicy(`compose: policy ${i}`, policy));
  return new Composition<Ps>(policies);
}

class Composition<Ps extends readonly AnyPolicy[]> implements Composed<Ps> {
  declare readonly _altReturn: Ps[number]['_altReturn'];
  readonly kind: string = 'composition';
  readonly name: string = nextName('composition');
  readonly #policies: Ps;
  readonly #contract = new ContractEvents('composition');
  readonly #chain: Chain;

  /** A call of the whole composition went well. Fires only while somebody listens. */
  readonly onSuccess: Event<ISuccessEvent> = this.#contract.onSuccess;
  /** A call of the whole composition failed. Fires only while somebody listens. */
  readonly onFailure: Event<IFailureEvent> = this.#contract.onFailure;

  constructor(policies: Ps) {
    this.#policies = policies;
    // A stage of its own, without any hook, tells the composition's own listeners.
    const links = [{ contract: this.#contract }, ...policies.flatMap((policy) => linksOf(policy))];
    this.#chain = new Chain(links);
    contribute(this, links);
  }

  execute<T>(
    fn: (context: MergedContext<Ps>) => PromiseLike<T> | T,
    call?: AbortSignal | CallOptions,
  ): Promise<T | Ps[number]['_altReturn']> {
    return this.#chain.run(fn, call) as Promise<T | Ps[number]['_altReturn']>;
  }

  /** The worst status of its parts. What they counted stands in their own snapshots. */
  snapshot(): Snapshot {
    return { status: worstStatus(this.parts()), counts: {} };
  }

  /** The policies that it is made of; cockatiel's cannot be watched and are left out. */
  *parts(): Iterable<Component> {
    for (const policy of this.#policies) {
      if (isComponent(policy)) yield policy;
    }
  }
}
