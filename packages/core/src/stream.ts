import type { CallContext, CallOptions } from './call-options.ts';
import { checkClock, checkFunction, checkNumber } from './check.ts';
import { type Clock, systemClock } from './clock.ts';
import { checkPolicy } from './internal/check-policy.ts';
import { StreamRead } from './internal/stream-read.ts';
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
 * @param open Opens the source. Pass its context's signal on. Called again for each attempt. A
 * source that opens when nobody waits for it any more is let go of: disposed of, cancelled, or ended
 * by its iterator's `return`. Aborted by the caller or a policy, a source that does not stop by
 * itself is left behind.
 *
 * @throws TypeError when `policy` is none, `open` is not a function or `clock` is none; RangeError
 * when `idle` is not > 0.
 */
export function stream<T>(
  policy: AnyPolicy,
  open: (context: CallContext) => AsyncIterable<T> | Promise<AsyncIterable<T>>,
  call: StreamOptions = {},
): AsyncIterable<T> {
  checkPolicy('stream: policy', policy);
  checkFunction('stream: open', open);
  const { idle = Infinity, clock, ...options } = call;
  checkNumber('stream: idle', idle, { above: 0, infinity: true });
  const time = checkClock('stream', clock) ?? systemClock;
  return {
    [Symbol.asyncIterator]: () => new StreamRead(policy, open, options, idle, time),
  };
}
