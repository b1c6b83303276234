import type { CallContext, CallOptions } from '../call-options.ts';
import type { Clock } from '../clock.ts';
import { carryDeadline, deadlineOf } from '../deadline.ts';
import { show } from '../check.ts';
import { TimeoutError } from '../errors.ts';
import type { AnyPolicy } from '../policy.ts';
import { startAlarm } from './alarm.ts';
import { Chain, linksOf } from './chain.ts';
import { disposeSource } from './dispose-result.ts';
import { type Consumption, consumable } from './repeatable.ts';

/** Opens a source. */
export type Open<T> = (context: CallContext) => AsyncIterable<T> | Promise<AsyncIterable<T>>;

/** The read has ended as it should. */
const END: unique symbol = Symbol('end');

type Result<T> = IteratorResult<T, undefined>;

/** One attempt at the read: its source, and how it ends. */
interface Run {
  readonly source: AbortController;
  readonly ending: PromiseWithResolvers<typeof END>;
}

/**
 * One read. The source is pumped inside of the policy's call; consumer and pump meet at `#demand`:
 * the pump sleeps until there is one, and settles it with a chunk.
 */
export class StreamRead<T> implements AsyncIterator<T, undefined> {
  readonly #chain: Chain;
  readonly #open: Open<T>;
  readonly #call: CallOptions;
  readonly #idle: number;
  readonly #clock: Clock;
  readonly #consumption: Consumption = { isConsumed: false };
  /** Attempts under way: more than one under a hedge. */
  readonly #runs: Set<Run> = new Set();
  /** The attempt that delivered the first chunk, and with it all others. */
  #winner: Run | undefined;
  #demand: PromiseWithResolvers<Result<T>> | undefined;
  #wakePump: (() => void) | undefined;
  /** What a fallback answered with, in place of the source. */
  #replacement: AsyncIterator<T, undefined> | undefined;
  /** An error that came while the consumer was busy: its next question gets it. */
  #unseenError: { readonly error: unknown } | undefined;
  #hasStarted = false;
  #hasLeft = false;
  #isOver = false;
  #failure: unknown;

  constructor(policy: AnyPolicy, open: Open<T>, call: CallOptions, idle: number, clock: Clock) {
    this.#chain = new Chain(linksOf(policy));
    this.#open = open;
    this.#call = consumable(call, this.#consumption);
    this.#idle = idle;
    this.#clock = clock;
  }

  next(): Promise<Result<T>> {
    if (this.#demand !== undefined) {
      const again = (): Promise<Result<T>> => this.next();
      return this.#demand.promise.then(again, again);
    }
    if (this.#replacement !== undefined) return Promise.resolve(this.#replacement.next());
    if (this.#unseenError !== undefined) {
      const { error } = this.#unseenError;
      this.#unseenError = undefined;
      return Promise.reject(error);
    }
    if (this.#isOver) return Promise.resolve({ done: true, value: undefined });
    const demand = Promise.withResolvers<Result<T>>();
    this.#demand = demand;
    if (this.#hasStarted) this.#wakePump?.();
    else this.#start();
    return demand.promise;
  }

  return(): Promise<Result<T>> {
    this.#hasLeft = true;
    this.#isOver = true;
    this.#unseenError = undefined;
    this.#takeDemand()?.resolve({ done: true, value: undefined });
    const left = new DOMException('The consumer left the stream', 'AbortError');
    for (const run of this.#runs) run.source.abort(left);
    closeQuietly(this.#replacement);
    this.#replacement = undefined;
    return Promise.resolve({ done: true, value: undefined });
  }

  #start(): void {
    this.#hasStarted = true;
    this.#chain
      .run((context: CallContext) => this.#pump(context), this.#call)
      .then(
        (answer) => this.#finish(answer),
        (error: unknown) => this.#fail(error),
      );
  }

  /** Runs inside of the policy, once per attempt. */
  #pump(context: CallContext): Promise<typeof END> {
    // Left while a retry slept.
    if (this.#hasLeft) return Promise.resolve(END);
    // A policy that is not ours repeats all the same: it gets the same answer, and no second source.
    if (this.#winner !== undefined) return this.#winner.ending.promise;
    const run: Run = { source: new AbortController(), ending: Promise.withResolvers() };
    run.ending.promise.catch(() => {});
    void this.#read(run, context).then(run.ending.resolve, run.ending.reject);
    return run.ending.promise;
  }

  /** Reads the source until it ends. */
  async #read(run: Run, context: CallContext): Promise<typeof END> {
    const { source } = run;
    const outer = context.signal;
    const stop = (): void => source.abort(outer.reason);
    if (outer.aborted) stop();
    outer.addEventListener('abort', stop, { once: true });
    const deadline = deadlineOf(context);
    if (deadline !== undefined) carryDeadline(source.signal, deadline);
    this.#runs.add(run);
    let iterator: AsyncIterator<T> | undefined;
    try {
      const opened = await this.#step(
        source,
        async () => this.#open({ ...context, signal: source.signal }),
        disposeSource,
      );
      const reading = iteratorOf(opened);
      iterator = reading;
      for (;;) {
        await this.#demanded(source.signal);
        const result = await this.#step(source, async () => reading.next());
        if (result.done === true) {
          iterator = undefined;
          return END;
        }
        this.#win(run);
        this.#takeDemand()?.resolve(result);
      }
    } catch (error) {
      if (this.#hasLeft) return END;
      if (this.#winner !== undefined && this.#winner !== run)
        return await this.#winner.ending.promise;
      this.#failure = error;
      source.abort(error);
      throw error;
    } finally {
      this.#runs.delete(run);
      outer.removeEventListener('abort', stop);
      closeQuietly(iterator);
    }
  }

  /** The first chunk decides which attempt delivers; the others are let go of and end as it does. */
  #win(run: Run): void {
    if (this.#winner === run) return;
    this.#winner = run;
    this.#consumption.isConsumed = true;
    const lost = new DOMException('Another attempt delivers the stream', 'AbortError');
    for (const other of this.#runs) if (other !== run) other.source.abort(lost);
  }

  /** Waits until the consumer asks. Throws when the source is aborted. */
  async #demanded(signal: AbortSignal): Promise<void> {
    while (this.#demand === undefined) {
      signal.throwIfAborted();
      const woken = Promise.withResolvers<void>();
      const wake = (): void => woken.resolve();
      this.#wakePump = wake;
      signal.addEventListener('abort', wake, { once: true });
      await woken.promise;
      signal.removeEventListener('abort', wake);
    }
  }

  /**
   * One step of the source: no longer than `idle`, and no longer than the source is wanted. What it
   * comes to afterwards is dropped.
   */
  #step<R>(source: AbortController, run: () => Promise<R>, drop?: (late: R) => void): Promise<R> {
    const { signal } = source;
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const giveUp = (): void => source.abort(new TimeoutError('stream', this.#idle));
      const until = this.#idle === Infinity ? Infinity : this.#clock.now() + this.#idle;
      const alarm = startAlarm(this.#clock, until, false, giveUp);
      const stop = (): void => {
        alarm.cancel();
        reject(signal.reason);
      };
      signal.addEventListener('abort', stop, { once: true });
      const done = (): void => {
        alarm.cancel();
        signal.removeEventListener('abort', stop);
      };
      const take = (result: R): void => {
        if (signal.aborted) drop?.(result);
        else resolve(result);
      };
      run().finally(done).then(take, reject);
    });
  }

  #takeDemand(): PromiseWithResolvers<Result<T>> | undefined {
    const demand = this.#demand;
    this.#demand = undefined;
    return demand;
  }

  #finish(answer: unknown): void {
    if (this.#hasLeft) return;
    if (answer === END) {
      this.#isOver = true;
      this.#takeDemand()?.resolve({ done: true, value: undefined });
    } else if (this.#consumption.isConsumed) {
      this.#fail(this.#failure);
    } else {
      this.#replacement = iterate<T>(answer);
      const demand = this.#takeDemand();
      if (demand !== undefined) this.#replacement.next().then(demand.resolve, demand.reject);
    }
  }

  #fail(error: unknown): void {
    if (this.#hasLeft) return;
    this.#isOver = true;
    const demand = this.#takeDemand();
    if (demand === undefined) this.#unseenError = { error };
    else demand.reject(error);
  }
}

/** A fallback's answer as a stream: the items of an iterable, or the value as the only one. */
async function* iterate<T>(answer: unknown): AsyncGenerator<T, undefined> {
  const isIterable =
    typeof answer === 'object' &&
    answer !== null &&
    (Symbol.asyncIterator in answer || Symbol.iterator in answer);
  if (isIterable) yield* answer as AsyncIterable<T>;
  else yield answer as T;
  return undefined;
}

/** Ends a source that is no longer read; how that goes is nobody's business any more. */
function closeQuietly(iterator: AsyncIterator<unknown> | undefined): void {
  try {
    void Promise.resolve(iterator?.return?.()).catch(() => {});
  } catch {
    // A source whose `return` throws is closed all the same.
  }
}

/** A `Response` is none: its body is. */
function iteratorOf<T>(opened: AsyncIterable<T>): AsyncIterator<T> {
  const iterate = (opened as Partial<AsyncIterable<T>> | null | undefined)?.[Symbol.asyncIterator];
  if (typeof iterate === 'function') return iterate.call(opened);
  disposeSource(opened);
  throw new TypeError(`stream: open must return an async iterable, got ${show(opened)}`);
}
