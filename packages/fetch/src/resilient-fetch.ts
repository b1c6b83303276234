import {
  type CallContext,
  type Component,
  type Policy,
  type Snapshot,
  stream,
  worstStatus,
} from '@fournines/core';
import { checkBoolean, checkFunction, disposeResult, nextName } from '@fournines/core/authoring';
import type { AnyFetch, ResilientInit, ResilientStreamInit } from './any-fetch.ts';
import { fetchPolicies } from './internal/fetch-policies.ts';
import { type OutgoingInit, OutgoingRequest, type Send } from './internal/outgoing-request.ts';
import { plainInit } from './internal/plain-init.ts';
import { type ResilientFetchOptions, checkFetchOptions, isObject } from './options.ts';

/** A fetch with policies around it, and a component that can be watched. */
export type ResilientFetch<F extends AnyFetch = typeof globalThis.fetch> = F &
  ResilientFetchMembers<F>;

/** What a resilient fetch has beyond fetch's own signature. */
export interface ResilientFetchMembers<F extends AnyFetch> extends Component {
  /** Fetches, with more to say about the call. */
  (input: Parameters<F>[0], init?: ResilientInit<F>): ReturnType<F>;
  /** Always `fetch`. */
  readonly kind: 'fetch';
  /**
   * Fetches and reads the whole answer as one call: timeouts, breaker and abort cover `reader` too,
   * and a body that is cut off, or that `reader` cannot use, is retried as any failure. A status
   * of 400 or above is thrown as an `HttpError`. What the reader leaves of the body is cancelled.
   *
   * @param reader Makes the result of a response: `(response) => response.json()`. Called once per
   * attempt that gets one. Rejects with a TypeError when it is no function.
   */
  read<T>(
    input: Parameters<F>[0],
    init: ResilientInit<F> | undefined,
    reader: (response: Awaited<ReturnType<F>>) => PromiseLike<T> | T,
  ): Promise<T>;
  /**
   * Fetches and hands the body on, chunk by chunk, as one call: timeouts, breaker and abort cover it to its end. A
   * failure is retried only before the first chunk. A status of 400 or above is thrown as an
   * `HttpError`. `break` aborts the request.
   */
  stream(input: Parameters<F>[0], init?: ResilientStreamInit<F>): AsyncIterable<Uint8Array>;
  /** All policies as one: `timeout`, `retry`, `circuitBreakers`, `timeout`. */
  readonly policy: Policy;
  /** The policies, outermost first. */
  parts(): Iterable<Component>;
}

/**
 * Puts timeouts, retry and a circuit breaker per origin around a fetch; the result has the fetch's
 * own signature. A response that is not ok is retried by its status, counted by the breaker, and
 * returned, never thrown.
 *
 * @param fetch The fetch to use. Default: the global one, looked up at each call.
 * @throws TypeError or RangeError when an option is unknown or out of its bounds.
 */
export function resilientFetch(
  fetch?: typeof globalThis.fetch,
  options?: ResilientFetchOptions,
): ResilientFetch;
/** The same around a fetch with types of its own, which the result keeps: undici's, one that takes less. */
export function resilientFetch<F extends AnyFetch>(
  fetch: F,
  options?: ResilientFetchOptions,
): ResilientFetch<F>;
export function resilientFetch<F extends AnyFetch>(
  fetch?: F,
  options: ResilientFetchOptions = {},
): ResilientFetch<F> {
  if (fetch !== undefined) checkFunction('resilientFetch: fetch', fetch);
  const rules = checkFetchOptions(options);
  const name = rules.name ?? nextName('fetch');
  const { policy, once, parts } = fetchPolicies(rules, name);
  const send: Send = (input, init) =>
    (fetch === undefined
      ? globalThis.fetch(input as string, init)
      : fetch(input, init)) as Promise<Response>;

  const prepare = (input: unknown, init: InitLike | null | undefined): OutgoingRequest => {
    const { idempotent = rules.idempotent, ...own } = plainInit(init);
    // A string would be taken for yes: what is repeated by mistake does harm.
    if (idempotent !== undefined) checkBoolean('resilientFetch: init.idempotent', idempotent);
    const { deadlineHeader } = rules;
    return new OutgoingRequest(input, own, {
      idempotent,
      deadlineHeader,
      isRepeated: rules.retry !== false,
    });
  };

  const call = async (input: unknown, init?: InitLike | null): Promise<Response> => {
    const request = prepare(input, init);
    const chain = request.isOneShot ? once : policy;
    try {
      const response = await chain.execute(
        (context) => request.sendForCaller(send, context),
        request.call,
      );
      return request.deliver(response);
    } catch (error) {
      const response = request.responseOf(error);
      if (response !== undefined) return request.deliver(response);
      request.abandon();
      throw error;
    } finally {
      request.end();
    }
  };

  const read = async <T>(
    input: unknown,
    init: InitLike | null | undefined,
    reader: (response: Response) => PromiseLike<T> | T,
  ): Promise<T> => {
    checkFunction('resilientFetch: reader', reader);
    const request = prepare(input, init);
    const attempt = async (context: CallContext): Promise<T> => {
      const response = await request.send(send, context);
      try {
        return checkRead(await reader(response), response);
      } finally {
        disposeResult(response);
      }
    };
    try {
      return await (request.isOneShot ? once : policy).execute(attempt, request.call);
    } finally {
      request.abandon();
      request.end();
    }
  };

  const streamed = (input: unknown, init?: StreamInitLike): AsyncIterable<Uint8Array> => {
    const { idle, ...own } = plainInit(init);
    const request = prepare(input, own);
    const open = async (context: CallContext): Promise<AsyncIterable<Uint8Array>> => {
      try {
        const { body } = await request.send(send, context);
        return body ?? nothing();
      } catch (error) {
        disposeResult(request.responseOf(error));
        throw error;
      }
    };
    const chunks = stream(request.isOneShot ? once : policy, open, {
      ...request.call,
      ...(idle === undefined ? {} : { idle }),
      ...(rules.clock === undefined ? {} : { clock: rules.clock }),
    });
    return request.isCopied ? afterFirst(chunks, () => request.end()) : chunks;
  };

  const members = {
    kind: 'fetch',
    read,
    stream: streamed,
    policy,
    parts: () => parts,
    snapshot: (): Snapshot => ({ status: worstStatus(parts), counts: {} }),
  };
  Object.defineProperty(call, 'name', { value: name, configurable: true });
  return Object.assign(call, members) as unknown as ResilientFetch<F>;
}

interface InitLike extends OutgoingInit {
  readonly idempotent?: boolean;
}

interface StreamInitLike extends InitLike {
  readonly idle?: number;
}

/** The body of a response that has none. */
function nothing(): ReadableStream<Uint8Array> {
  return new ReadableStream({ start: (controller) => controller.close() });
}

/** Calls `done` when the first chunk, or what came in its place, is there: no attempt follows that. */
function afterFirst<T>(chunks: AsyncIterable<T>, done: () => void): AsyncIterable<T> {
  return {
    async *[Symbol.asyncIterator]() {
      let isFirst = true;
      try {
        for await (const chunk of chunks) {
          if (isFirst) done();
          isFirst = false;
          yield chunk;
        }
      } finally {
        done();
      }
    },
  };
}

/** A response, or its body, is no result of reading it: what is left of it is cancelled. */
function checkRead<T>(result: T, response: { readonly body?: unknown }): T {
  const isUnread =
    (result as unknown) === response || (result === response.body && isObject(result));
  if (!isUnread) return result;
  throw new TypeError(
    'resilientFetch: reader must return what it has read, got the response or its body',
  );
}
