import { AsyncLocalStorage } from 'node:async_hooks';
import { type CallContext, type CommonOptions, type Deadline, deadlineOf } from '@fournines/core';
import { checkNumber, checkOptions, deadlineAt } from '@fournines/core/authoring';
import { checkTimeoutOptions } from './options.ts';
import { Timeout, type TimeoutPolicy } from './timeout.ts';

/** Options of {@link asyncLocalDeadlines}: `name` and `clock`. */
export type AsyncLocalDeadlinesOptions = CommonOptions;

/**
 * Deadlines that travel with the asynchronous flow. It is a policy: put it outermost, in front of
 * what should keep the flow's deadline.
 */
export interface AsyncLocalDeadlines extends TimeoutPolicy {
  /** The deadline of the present flow; undefined when it has none. */
  readonly current: Deadline | undefined;
  /**
   * Calls `fn`; everything that it starts has this deadline, or that of the flow around it when
   * that is earlier. It only says so: what keeps the deadline are the policies inside.
   *
   * @param within How long from now, in milliseconds, > 0 (Infinity is allowed); or a signal or a
   *   context, for the deadline that it carries.
   * @returns What `fn` returns.
   * @throws TypeError or RangeError when `within` is none of these.
   */
  run<T>(within: number | AbortSignal | CallContext, fn: () => T): T;
  /** Calls `fn` without any deadline: for work that must outlive who started it. */
  detach<T>(fn: () => T): T;
}

/**
 * Makes deadlines travel through `AsyncLocalStorage`, where nobody hands a signal on. `run` starts
 * a deadline for a flow; the policy itself, put in front of others, gives their calls the flow's
 * deadline: it answers when that has passed, as `timeout` does, and refuses to start what comes
 * too late. A call outside of any flow has no limit of it. Costs about as much as a `timeout`.
 *
 * Each has a storage of its own: make one for the service.
 *
 * @throws TypeError for an unknown option.
 */
export function asyncLocalDeadlines(options: AsyncLocalDeadlinesOptions = {}): AsyncLocalDeadlines {
  checkOptions('asyncLocalDeadlines', options, ['name', 'clock']);
  return new FlowTimeout(options, new AsyncLocalStorage());
}

class FlowTimeout extends Timeout implements AsyncLocalDeadlines {
  readonly #storage: AsyncLocalStorage<Deadline | undefined>;

  constructor(options: CommonOptions, storage: AsyncLocalStorage<Deadline | undefined>) {
    super(checkTimeoutOptions({ ...options, duration: Infinity }), {
      ambient: () => storage.getStore(),
    });
    this.#storage = storage;
  }

  get current(): Deadline | undefined {
    return this.#storage.getStore();
  }

  run<T>(within: number | AbortSignal | CallContext, fn: () => T): T {
    const own = isCarrier(within) ? deadlineOf(within) : this.#after(within);
    const outer = this.current;
    const isOuterEarlier = own === undefined || (outer !== undefined && outer.at < own.at);
    return this.#storage.run(isOuterEarlier ? outer : own, fn);
  }

  detach<T>(fn: () => T): T {
    return this.#storage.run(undefined, fn);
  }

  #after(ms: number): Deadline {
    checkNumber('asyncLocalDeadlines: run', ms, { above: 0, infinity: true });
    return deadlineAt(this.clock.now() + ms, this.clock);
  }
}

/** A signal, or what has one: it need not carry a deadline. */
function isCarrier(within: unknown): within is AbortSignal | CallContext {
  return (
    typeof within === 'object' && within !== null && ('aborted' in within || 'signal' in within)
  );
}
