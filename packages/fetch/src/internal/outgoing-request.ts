import { type CallContext, type CallOptions, type Deadline, deadlineOf } from '@fournines/core';
import { carryDeadline, disposeResult, refusalCode } from '@fournines/core/authoring';
import { type DeadlineHeaderStyle, deadlineHeader } from '@fournines/timeout';
import { abortBodyWith } from './body-abort.ts';
import { type HeadersInput, isIdempotent } from './idempotency.ts';
import { RefusedResponse } from './refused-response.ts';

/** A fetch as it is called inside. */
export type Send = (input: unknown, init: object) => Promise<Response>;

/** What is read of `init`; the rest goes on to fetch as it is. */
export interface OutgoingInit {
  readonly method?: string;
  readonly headers?: unknown;
  readonly body?: unknown;
  readonly signal?: AbortSignal | null;
}

/** How a request is sent. */
export interface OutgoingRules {
  /** Whether it may be repeated; undefined: by its method and its headers. */
  readonly idempotent: boolean | undefined;
  /** Whose header tells the server how much time is left; undefined: none. */
  readonly deadlineHeader: DeadlineHeaderStyle | undefined;
  /** Whether there is a retry at all. */
  readonly isRepeated: boolean;
}

/** One call's request, sent once per attempt. */
export class OutgoingRequest {
  /** What the policies are told about it. */
  readonly call: CallOptions;
  /** Whether its body is a stream, which can be sent only once. */
  readonly isOneShot: boolean;
  readonly #input: unknown;
  /** The input, when it is a `Request` whose own body may have to be sent again. */
  readonly #original: Request | undefined;
  readonly #init: OutgoingInit;
  readonly #headers: unknown;
  readonly #deadlineHeader: DeadlineHeaderStyle | undefined;
  readonly #caller: AbortSignal | undefined;
  /** What aborts the latest attempt. */
  #latest: AbortController | undefined;
  #refused: RefusedResponse | undefined;

  constructor(input: unknown, init: OutgoingInit, rules: OutgoingRules) {
    const { idempotent, isRepeated } = rules;
    const request = isRequest(input) ? input : undefined;
    const method = init.method ?? request?.method ?? 'GET';
    const url = request?.url ?? String(input);
    this.#input = input;
    this.#init = init;
    this.#headers = init.headers ?? request?.headers;
    this.#deadlineHeader = rules.deadlineHeader;
    const sendsOwnBody =
      request !== undefined && request.body !== null && (init.body ?? undefined) === undefined;
    this.#original = isRepeated && sendsOwnBody ? request : undefined;
    this.#caller = (init.signal === undefined ? request?.signal : init.signal) ?? undefined;
    this.isOneShot = isStream(init.body);
    this.call = {
      signal: this.#caller,
      key: originOf(url),
      idempotent: idempotent ?? isIdempotent(String(method), this.#headers),
      attributes: { method, url },
    };
  }

  /**
   * Sends it once, under a signal that still reaches the body when the attempt's own does so no
   * more. A response of status 400 or above is thrown, for the policies to judge.
   */
  async sendForCaller(fetch: Send, context: CallContext): Promise<Response> {
    const request = new AbortController();
    this.#latest = request;
    const { signal } = context;
    const stop = (): void => request.abort(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    const limit = deadlineOf(context);
    if (limit !== undefined) carryDeadline(request.signal, limit);
    try {
      return await this.send(fetch, context, request.signal);
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  /** Sends it once, under `signal` to the end of the body. Throws as {@link sendForCaller}. */
  async send(
    fetch: Send,
    context: CallContext,
    signal: AbortSignal = context.signal,
  ): Promise<Response> {
    this.#refused?.drop();
    const init = { ...this.#init, ...this.#headersUntil(deadlineOf(context)), signal };
    const response = await fetch(this.#nextInput(), init);
    if (signal.aborted) {
      // It came too late, from a fetch that does not heed its signal.
      disposeResult(response);
      throw signal.reason;
    }
    if (response.status < 400) return response;
    this.#refused = new RefusedResponse(response);
    throw this.#refused;
  }

  /**
   * The last attempt's response, when `error` is what its status was thrown as, or when the next
   * attempt was refused by a breaker: the origin has said more than that it is not asked again.
   * Undefined, too, when its body could not be kept while that was waited for.
   */
  responseOf(error: unknown): Response | undefined {
    const isItsAnswer = error === this.#refused || refusalCode(error) === 'ECIRCUITOPEN';
    return isItsAnswer ? this.#refused?.takeBack() : undefined;
  }

  /** Hands a response to the caller, whose abort goes on to reach its body. */
  deliver(response: Response): Response {
    const body: unknown = response.body;
    if (this.#caller !== undefined && this.#latest !== undefined && isObject(body)) {
      abortBodyWith(this.#caller, this.#latest, body);
    }
    return response;
  }

  /** No attempt will follow, and the caller gets no response. */
  abandon(): void {
    this.#refused?.drop();
  }

  /** No attempt will follow: a `Request` counts as used, as after every fetch, and its copy is let go of. */
  end(): void {
    disposeResult(this.#original);
  }

  /** Whether its body is copied for each attempt, and has to be let go of by {@link end}. */
  get isCopied(): boolean {
    return this.#original !== undefined;
  }

  /** The headers with one more that tells how much time is left. The caller's own says it better. */
  #headersUntil(limit: Deadline | undefined): { readonly headers?: Iterable<string[]> } {
    const style = this.#deadlineHeader;
    if (style === undefined || limit === undefined || limit.at === Infinity) return {};
    const headers = new Headers(this.#headers as HeadersInput);
    const [name, value] = deadlineHeader.format(limit, style);
    if (!headers.has(name)) headers.set(name, value);
    return { headers: [...headers] };
  }

  /** A `Request` with a body is copied, so that another attempt can send it again. */
  #nextInput(): unknown {
    if (this.#original === undefined || this.#original.bodyUsed) return this.#input;
    return this.#original.clone();
  }
}

/** A `Request` of whichever fetch. */
function isRequest(input: unknown): input is Request {
  return (
    typeof input === 'object' &&
    input !== null &&
    'method' in input &&
    'url' in input &&
    'clone' in input
  );
}

/** Web streams, Node streams, generators. */
function isStream(body: unknown): boolean {
  return isObject(body) && Symbol.asyncIterator in body;
}

/** Whose breaker decides. A URL that fetch will refuse has no origin. */
function originOf(url: string): string {
  return URL.parse(url)?.origin ?? '';
}

/** Mocks, and fetches of other kinds, have no body at all. */
function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
