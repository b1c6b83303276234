import type { CallOptions } from '@fournines/core';
import type { Attempt, Stage } from '@fournines/core/authoring';

/** What is read of a breaker, or of a group of them: this package does not depend on theirs. */
interface BreakerLike {
  readonly kind?: unknown;
  readonly state?: unknown;
  readonly get?: (key: string) => { readonly state?: unknown } | undefined;
}

/** The breakers of ours that stand further in than a policy, in the same chain. */
export class InnerBreakers {
  /** The chain that was looked at last, and what is in it: most policies live in one. */
  #pipeline: Attempt['pipeline'] | undefined;
  #index = 0;
  #breakers: readonly BreakerLike[] = [];

  /** Whether all that this call comes to are closed: none is open, none probes. */
  areClosed(attempt: Attempt, index: number): boolean {
    if (attempt.pipeline !== this.#pipeline || index !== this.#index) this.#look(attempt, index);
    return this.#breakers.every((breaker) => isClosed(breaker, attempt.call));
  }

  #look({ pipeline }: Attempt, index: number): void {
    this.#pipeline = pipeline;
    this.#index = index;
    const further: readonly Stage[] = [...pipeline.stages.slice(index + 1), ...pipeline.inside];
    this.#breakers = (further as readonly BreakerLike[]).filter(
      ({ kind }) => kind === 'circuit-breaker' || kind === 'circuit-breakers',
    );
  }
}

/** A group has none yet for a key that is new. */
function isClosed(breaker: BreakerLike, call: CallOptions | undefined): boolean {
  try {
    const isGroup = breaker.kind === 'circuit-breakers';
    const one = isGroup ? breaker.get?.(call?.key ?? '') : breaker;
    return (one?.state ?? 'closed') === 'closed';
  } catch {
    return false;
  }
}
