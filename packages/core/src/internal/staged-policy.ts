import type { IFailureEvent, ISuccessEvent } from 'cockatiel';
import type { CallContext } from '../call-options.ts';
import { checkClock, checkName } from '../check.ts';
import { type Clock, systemClock } from '../clock.ts';
import type { Snapshot } from '../component.ts';
import type { Event } from '../event.ts';
import type { Policy } from '../policy.ts';
import { ContractEvents } from './contract-events.ts';
import { nextName } from './names.ts';
import { Pipeline } from './pipeline.ts';
import type { Stage } from './stage.ts';

/** What every policy's options take. */
export interface CommonOptions {
  /** Its name in metrics, events and errors. Default `<kind>-<n>`. */
  readonly name?: string;
  /** Where time comes from. Default: the system's monotonic clock. */
  readonly clock?: Clock;
}

/**
 * The base of our policies: a stage that is also a policy. By itself it runs as a chain of one;
 * `compose` takes the stage. A class, because its hooks are the hot path.
 */
export abstract class StagedPolicy<
  C extends CallContext = CallContext,
  S extends Snapshot = Snapshot,
  Alt = never,
>
  implements Policy<C, S, Alt>, Stage
{
  declare readonly _altReturn: Alt;
  readonly kind: string;
  readonly name: string;
  /** Where this policy takes its time from. */
  readonly clock: Clock;
  /**
   * Runs `fn` under this policy. A function of the policy's own, so that what every call needs is
   * found without a look at which policy it is, and so that it works without its policy too.
   */
  readonly execute: Policy<C, S, Alt>['execute'];
  #contract: ContractEvents | undefined;

  constructor(kind: string, options: CommonOptions) {
    this.kind = kind;
    this.name = checkName(kind, options.name) ?? nextName(kind);
    this.clock = checkClock(kind, options.clock) ?? systemClock;
    // Made at the first call: the flags that a pipeline reads are fields of the subclass.
    let pipeline: Pipeline | undefined;
    this.execute = (fn, call) =>
      (pipeline ??= new Pipeline([this])).run(fn, call) as Promise<never>;
  }

  /** @internal The listeners of `onSuccess` and `onFailure`; undefined while there were none yet. */
  get contract(): ContractEvents | undefined {
    return this.#contract;
  }

  /** A call went well. Fires only while somebody listens; costs a clock read per call. */
  get onSuccess(): Event<ISuccessEvent> {
    return this.#events.onSuccess;
  }

  /** A call failed. Fires only while somebody listens. */
  get onFailure(): Event<IFailureEvent> {
    return this.#events.onFailure;
  }

  get #events(): ContractEvents {
    return (this.#contract ??= new ContractEvents(this.kind));
  }

  abstract snapshot(): S;
}
