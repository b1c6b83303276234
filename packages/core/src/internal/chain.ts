import type { CallOptions } from '../call-options.ts';
import { isComponent } from '../component.ts';
import type { AnyPolicy } from '../policy.ts';
import { neverStarted } from './never-started.ts';
import { faultOf, optionsOf, parentSignal } from './parent-signal.ts';
import { LONGEST_PIPELINE, Pipeline } from './pipeline.ts';
import { rejectSoon } from './reject-soon.ts';
import type { Stage } from './stage.ts';
import { StagedPolicy } from './staged-policy.ts';

/** A policy that is not ours, or of another installed copy: run through its own `execute`. */
export class Foreign {
  readonly policy: AnyPolicy;
  /** Whether it keeps our contract and takes options; cockatiel's take a signal only. */
  readonly #takesOptions: boolean;

  constructor(policy: AnyPolicy) {
    this.policy = policy;
    this.#takesOptions = isComponent(policy);
  }

  execute(
    fn: (context: object) => unknown,
    call: CallOptions,
    signal: AbortSignal | undefined,
  ): Promise<unknown> {
    const said = this.#takesOptions ? { ...call, signal } : signal;
    return this.policy.execute(fn, said as AbortSignal | undefined);
  }
}

/** One link of a chain. */
export type Link = Stage | Foreign;

/** The links of each composition. */
const contributed = new WeakMap<AnyPolicy, readonly Link[]>();

/** Says which links a composition contributes to a chain. */
export function contribute(policy: AnyPolicy, links: readonly Link[]): void {
  contributed.set(policy, links);
}

/** The links that a policy contributes to a chain. One of another installed copy is foreign. */
export function linksOf(policy: AnyPolicy): readonly Link[] {
  if (policy instanceof StagedPolicy) return [policy];
  return contributed.get(policy) ?? [new Foreign(policy)];
}

type Fn = (context: never) => unknown;

/** Runs a chain: our neighbouring stages as one pipeline, foreign policies around and inside. */
export class Chain {
  readonly #segments: readonly (Pipeline | Foreign)[];

  constructor(links: readonly Link[]) {
    this.#segments = segmentsOf(links);
  }

  run(fn: Fn, call: AbortSignal | CallOptions | undefined): Promise<unknown> {
    const [first] = this.#segments;
    if (this.#segments.length === 1 && first instanceof Pipeline) return first.run(fn, call);
    const fault = faultOf(fn, call);
    if (fault !== undefined) return rejectSoon(fault);
    const signal = parentSignal(call);
    if (signal?.aborted === true) return rejectSoon(neverStarted(signal));
    return this.#runFrom(0, fn, optionsOf(call) ?? {}, signal, {});
  }

  /** Runs the segments from `index` inward. `outer` is the context so far. */
  #runFrom(
    index: number,
    fn: Fn,
    call: CallOptions,
    signal: AbortSignal | undefined,
    outer: object,
  ): Promise<unknown> {
    const segment = this.#segments[index];
    const isInnermost = index === this.#segments.length - 1;
    const inner = (context: object | undefined): unknown => {
      // A foreign policy may forget the context: the signal so far stays.
      const innerSignal =
        parentSignal(context as CallOptions | undefined) ?? signal ?? new AbortController().signal;
      const merged = { ...outer, ...context, signal: innerSignal };
      if (innerSignal.aborted) return rejectSoon(innerSignal.reason);
      return isInnermost
        ? fn(merged as never)
        : this.#runFrom(index + 1, fn, call, innerSignal, merged);
    };
    if (segment instanceof Foreign) {
      // A foreign `execute` may throw instead of rejecting; ours never does.
      return new Promise((resolve) => {
        resolve(segment.execute(inner, call, signal));
      });
    }
    const innerCall = signal === undefined ? call : { ...call, signal };
    return (segment as Pipeline).run(isInnermost ? fn : inner, innerCall, outer);
  }
}

function segmentsOf(links: readonly Link[]): readonly (Pipeline | Foreign)[] {
  const segments: (Pipeline | Foreign)[] = [];
  let stages: Stage[] = [];
  const close = (): void => {
    if (stages.length > 0) segments.push(new Pipeline(stages));
    stages = [];
  };
  for (const link of links) {
    if (link instanceof Foreign) {
      close();
      segments.push(link);
    } else {
      if (stages.length === LONGEST_PIPELINE) close();
      stages.push(link);
    }
  }
  close();
  introduce(segments.filter((segment) => segment instanceof Pipeline));
  return segments;
}

/** Tells the pipelines of one chain which stages the others have: a call runs through all of them. */
function introduce(pipelines: readonly Pipeline[]): void {
  pipelines.forEach((pipeline, i) => {
    pipeline.outside = pipelines.slice(0, i).flatMap(({ stages }) => stages);
    pipeline.inside = pipelines.slice(i + 1).flatMap(({ stages }) => stages);
  });
}
