/** A response that was not ok, as an error: status and headers kept, the body neither read nor shown. */
export class HttpError extends Error {
  /** Always `HttpError`. */
  override readonly name = 'HttpError';
  /** The same for every HTTP error; the status tells them apart. */
  readonly code = 'EHTTP';
  /** The response's status, e.g. 503. */
  readonly status: number;
  /** The response's headers. Not enumerable: they may hold cookies, and errors are logged whole. */
  declare readonly headers: Headers;
  /** The response itself; its body is cancelled. Not enumerable, so that no log carries it. */
  declare readonly response: Response;

  constructor(response: Response, options?: ErrorOptions) {
    super(`HTTP ${response.status}`, options);
    this.status = response.status;
    Object.defineProperty(this, 'headers', { value: response.headers });
    Object.defineProperty(this, 'response', { value: response });
  }
}

/**
 * Returns the response when it is ok (2xx) and throws an {@link HttpError} otherwise. The body of a refused response is
 * cancelled, so that its socket is free again.
 */
export function throwIfNotOk<R extends Response>(response: R): R {
  if (response.ok) return response;
  if (response.body !== null && !response.body.locked) response.body.cancel().catch(ignore);
  throw new HttpError(response);
}

/** A body that cannot be cancelled has already ended. */
function ignore(): void {}
