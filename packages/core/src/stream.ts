import type { CallContext, CallOptions } from './call-options.ts';
import { checkFunction, checkNumber } from './check.ts';
import { type Clock, systemClock } from './clock.ts';
import { TimeoutError } from './errors.ts';
import { type Consumption, consumable } from './internal/repeatable.ts';
import type { AnyPolicy } from './policy.ts';

/** Options of {@link stream}. */
export interface StreamOptions extends CallOptions {
  /**
   * The longest gap before the next chunk, the first included, in milliseconds, > 0. It counts
   * only while the consumer waits. Default: no bound.
   */
  readonly idle?: number;
  /** Where time comes from. Default: the system's monotonic clock. */
  readonly clock?: Clock;
}

/**
 * Reads a stream as one call of a policy: the tokens of a language model, the body of a response.
 * Timeout, permit and abort cover the whole read. A failure is retried only before the first
 * chunk. One chunk is asked for at a time. A consumer that leaves (`break`) aborts the source and
 * is a success to every policy.
 *
 * A fallback's answer before the first chunk is delivered in its place: the items of an iterable,
 * or the value as the only chunk. After it, the error reaches the consumer.
 *
 * @param policy The policy of the whole read.
 * @param open Opens the source. Pass its context's signal on. Called again for each attempt.
 * @throws TypeError or RangeError when `open` is not a function or `idle` is not > 0.
 */
export function stream<T>(
  policy: AnyPolicy,
  open: (context: CallContext) => AsyncIterable<T> | Promise<AsyncIterable<T>>,
  call: StreamOptions = {},
): AsyncIterable<T> {
  checkFunction('stream: open', open);
  if (call.idle !== undefined) checkNumber('stream: idle', call.idle, { above: 0, infinity: true });
  return { [Symbol.asyncIterator]: () => new StreamRead(policy, open, call) };
}

/** The read has ended as it should. */
const END: unique symbol = Symbol('end');

/** A consumer that waits for the next chunk. */
interface Demand<T> {
  readonly promise: Promise<IteratorResult<T, undefined>>;
  resolve(result: IteratorResult<T, undefined>): void;
  reject(error: unknown): void;
}

/**
 * One read. The source is pumped inside of the policy's call; consumer and pump meet at `#demand`:
 * the pump sleeps until there is one, and settles it with a chunk.
 */
class StreamRead<T> implements AsyncIterator<T, undefined> {
  readonly #policy: AnyPolicy;
  readonly #open: (context: CallContext) => AsyncIterable<T> | Promise<AsyncIterable<T>>;
  readonly #call: CallOptions;
  readonly #idle: number;
  readonly #clock: Clock;
  readonly #consumption: Consumption = { isConsumed: false };
  #demand: Demand<T> | undefined;
  #wakePump: (() => void) | undefined;
  #abandonStep: (() => void) | undefined;
  /** What a fallback answered with, in place of the source. */
  #replacement: AsyncIterator<T, undefined> | undefined;
  /** An error that came while the consumer was busy: its next question gets it. */
  #unseenError: { readonly error: unknown } | undefined;
  #hasStarted = false;
  #hasLeft = false;
  #isOver = false;
  #failure: unknown;

  constructor(
    policy: AnyPolicy,
    open: (context: CallContext) => AsyncIterable<T> | Promise<AsyncIterable<T>>,
    options: StreamOptions,
  ) {
    const { idle, clock, ...call } = options;
    this.#policy = policy;
    this.#open = open;
    this.#idle = idle ?? Infinity;
    this.#clock = clock ?? systemClock;
    this.#call = consumable(call, this.#consumption);
  }

  next(): Promise<IteratorResult<T, undefined>> {
    if (this.#demand !== undefined) {
      const again = (): Promise<IteratorResult<T, undefined>> => this.next();
      return this.#demand.promise.then(again, again);
    }
    if (this.#replacement !== undefined) return Promise.resolve(this.#replacement.next());
    if (this.#unseenError !== undefined) {
      const { error } = this.#unseenError;
      this.#unseenError = undefined;
      return Promise.reject(error);
    }
    if (this.#isOver) return Promise.resolve({ done: true, value: undefined });
    const demand = Promise.withResolvers<IteratorResult<T, undefined>>();
    this.#demand = demand;
    if (this.#hasStarted) this.#wakePump?.();
    else this.#start();
    return demand.promise;
  }

  return(): Promise<IteratorResult<T, undefined>> {
    this.#hasLeft = true;
    this.#isOver = true;
    this.#takeDemand()?.resolve({ done: true, value: undefined });
    this.#wakePump?.();
    this.#abandonStep?.();
    closeQuietly(this.#replacement);
    this.#replacement = undefined;
    return Promise.resolve({ done: true, value: undefined });
  }

  #start(): void {
    this.#hasStarted = true;
    const run = async (): Promise<unknown> =>
      this.#policy.execute((context: CallContext) => this.#pump(context), this.#call as AbortSignal);
    run().then(
      (answer) => this.#finish(answer),
      (error: unknown) => this.#fail(error),
    );
  }

  /** Runs inside of the policy: once per attempt, until the source ends. */
  async #pump(context: CallContext): Promise<typeof END> {
    // A policy that is not ours repeats all the same: it gets the same answer, and no second source.
    if (this.#consumption.isConsumed) throw this.#failure;
    const source = new AbortController();
    const stop = (): void => source.abort(context.signal.reason);
    if (context.signal.aborted) stop();
    context.signal.addEventListener('abort', stop, { once: true });
    let iterator: AsyncIterator<T> | undefined;
    let isDone = false;
    try {
      const opened = await this.#step(source, async () =>
        this.#open({ ...context, signal: source.signal }),
      );
      if (opened === END) return END;
      iterator = opened[Symbol.asyncIterator]();
      for (;;) {
        await this.#demanded(source.signal);
        if (this.#hasLeft) return END;
        const reading = iterator;
        const result = await this.#step(source, async () => reading.next());
        if (result === END) return END;
        source.signal.throwIfAborted();
        if (result.done === true) {
          isDone = true;
          return END;
        }
        this.#consumption.isConsumed = true;
        this.#takeDemand()?.resolve(result);
      }
    } catch (error) {
      this.#failure = error;
      source.abort(error);
      throw error;
    } finally {
      context.signal.removeEventListener('abort', stop);
      if (!isDone) {
        source.abort(new DOMException('The consumer left the stream', 'AbortError'));
        closeQuietly(iterator);
      }
    }
  }

  /** Waits until the consumer asks or leaves, or the source is aborted. */
  async #demanded(signal: AbortSignal): Promise<void> {
    while (this.#demand === undefined && !this.#hasLeft) {
      signal.throwIfAborted();
      const woken = Promise.withResolvers<void>();
      this.#wakePump = woken.resolve;
      signal.addEventListener('abort', woken.resolve as () => void, { once: true });
      await woken.promise;
      signal.removeEventListener('abort', woken.resolve as () => void);
      this.#wakePump = undefined;
    }
  }

  /** One step of the source: no longer than `idle`, and no longer than the consumer stays. */
  #step<R>(source: AbortController, run: () => Promise<R>): Promise<R | typeof END> {
    return new Promise((resolve, reject) => {
      const timer =
        this.#idle === Infinity
          ? undefined
          : this.#clock.setTimeout(() => {
              const error = new TimeoutError('stream', this.#idle);
              source.abort(error);
              reject(error);
            }, this.#idle);
      const abandon = (): void => {
        timer?.cancel();
        resolve(END);
      };
      this.#abandonStep = abandon;
      const done = (): void => {
        timer?.cancel();
        if (this.#abandonStep === abandon) this.#abandonStep = undefined;
      };
      run().finally(done).then(resolve, reject);
    });
  }

  #takeDemand(): Demand<T> | undefined {
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
