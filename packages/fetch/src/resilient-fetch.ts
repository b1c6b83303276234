import {
  type CallContext,
  type Component,
  type Policy,
  type Snapshot,
  stream,
  worstStatus,
} from '@fournines/core';
import { checkFunction, nextName } from '@fournines/core/authoring';
import type { HeadersWithGet } from '@fournines/timeout';
import { fetchPolicies } from './internal/fetch-policies.ts';
import { type OutgoingInit, OutgoingRequest, type Send } from './internal/outgoing-request.ts';
import { releaseBody } from './internal/release-body.ts';
import { type ResilientFetchOptions, checkFetchOptions } from './options.ts';

/** What is read of a response. */
export interface ResponseLike {
  /** The HTTP status. */
  readonly status: number;
  /** Its headers, for `Retry-After`. */
  readonly headers: HeadersWithGet;
  /** Its body. */
  readonly body: object | null;
}

/** Any fetch: the global one, undici's, your own. */
// oxlint-disable-next-line typescript/no-explicit-any -- its parameters are both taken and given, so only `any` admits all of them
export type AnyFetch = (input: any, init?: any) => Promise<ResponseLike>;

/** What a call may say: all that the fetch takes, and more. */
export type ResilientInit<F extends AnyFetch> = NonNullable<Parameters<F>[1]> & {
  /** Whether this request may be repeated when it is unknown if it took effect. Default: the options' `idempotent`, or by its method. */
  readonly idempotent?: boolean;
};

/** What a streamed call may say. */
export type ResilientStreamInit<F extends AnyFetch> = ResilientInit<F> & {
  /** The longest gap before the next chunk, the first included, in milliseconds, > 0. Default: no bound. */
  readonly idle?: number;
};

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
   * Fetches and reads the body as one call: timeouts, breaker and abort cover it to its end. A
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

  const prepare = (input: unknown, init: InitLike): OutgoingRequest => {
    const { idempotent = rules.idempotent, ...own } = init;
    const { deadlineHeader } = rules;
    return new OutgoingRequest(input, own, {
      idempotent,
      deadlineHeader,
      isRepeated: rules.retry !== false,
    });
  };

  const call = async (input: unknown, init?: InitLike | null): Promise<Response> => {
    const request = prepare(input, init ?? {});
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

  const read = (input: unknown, init?: StreamInitLike): AsyncIterable<Uint8Array> => {
    const { idle, ...own } = init ?? {};
    const request = prepare(input, own);
    const open = async (context: CallContext): Promise<AsyncIterable<Uint8Array>> => {
      try {
        const { body } = await request.send(send, context);
        return body ?? nothing();
      } catch (error) {
        releaseBody(request.responseOf(error)?.body);
        throw error;
      }
    };
    return stream(request.isOneShot ? once : policy, open, {
      ...request.call,
      ...(idle === undefined ? {} : { idle }),
      ...(rules.clock === undefined ? {} : { clock: rules.clock }),
    });
  };

  const members = {
    kind: 'fetch',
    stream: read,
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
