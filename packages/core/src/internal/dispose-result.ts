/** What a result may offer to be let go of. */
interface Disposables {
  readonly [Symbol.asyncDispose]?: unknown;
  readonly [Symbol.dispose]?: unknown;
  readonly body?: unknown;
}

/** What is needed of a Node stream. */
interface NodeReadable {
  on(event: 'error', listener: () => void): unknown;
  destroy(): unknown;
}

/**
 * Lets go of a result that nobody will get, as who answers early does with what comes late:
 * disposes it (`Symbol.asyncDispose`, then `Symbol.dispose`), or cancels the body of a response so
 * that its socket is free again. All else is dropped. How that goes is nobody's business any more.
 *
 * @param value Whatever the work came to.
 */
export function disposeResult(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  try {
    const result = release(value);
    Promise.resolve(result).catch(() => {});
  } catch {
    // A result that cannot be disposed of is dropped all the same.
  }
}

function release(value: Disposables): unknown {
  const asyncDispose = value[Symbol.asyncDispose];
  if (typeof asyncDispose === 'function') return asyncDispose.call(value);
  const dispose = value[Symbol.dispose];
  if (typeof dispose === 'function') return dispose.call(value);
  return releaseBody(value.body);
}

/** The body of a `Response` (a web stream), of undici's `request` or of node:http (a Node stream). */
function releaseBody(body: unknown): unknown {
  if (body instanceof ReadableStream) return body.locked ? undefined : body.cancel();
  if (isNodeReadable(body)) {
    // A body that is destroyed before its end says so by an error, which would be nobody's.
    body.on('error', () => {});
    body.destroy();
  }
  return undefined;
}

/** By what it can do: `node:stream` is nothing to load for it, and packages have copies of their own. */
function isNodeReadable(body: unknown): body is NodeReadable {
  if (typeof body !== 'object' || body === null) return false;
  const { pipe, on, destroy } = body as Readonly<Record<string, unknown>>;
  return [pipe, on, destroy].every((method) => typeof method === 'function');
}
