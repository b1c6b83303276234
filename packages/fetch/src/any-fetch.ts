import type { HeadersWithGet } from '@fournines/timeout';

/** What is read of a response. */
export interface ResponseLike {
  /** The HTTP status. */
  readonly status: number;
  /** Its headers, for `Retry-After`. */
  readonly headers: HeadersWithGet;
  /** Its body: a web stream, a Node stream, or none. */
  readonly body?: object | null | undefined;
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
