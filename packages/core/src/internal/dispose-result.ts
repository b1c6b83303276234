/** What a result may offer to be let go of. */
interface Disposables {
  readonly [Symbol.asyncDispose]?: unknown;
  readonly [Symbol.dispose]?: unknown;
  readonly [Symbol.asyncIterator]?: unknown;
  readonly body?: unknown;
}

/** What is needed of a Node stream. */
interface NodeReadable {
  readonly readableFlowing?: boolean | null;
  on(event: 'error', listener: () => void): unknown;
  destroy(): unknown;
}

/**
 * Lets go of a result that nobody will get, as who answers early does with what comes late:
 * disposes it (`Symbol.asyncDispose`, then `Symbol.dispose`), or cancels a stream, or the body of a
 * response, that nobody reads, so that its socket is free again. All else is dropped. How that goes
 * is nobody's business any more.
 *
 * @param value Whatever the work came to.
 */
export function disposeResult(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  try {
    forget(release(value) ?? releaseStream((value as Disposables).body));
  } catch {
    // A result that cannot be disposed of is dropped all the same.
  }
}

/**
 * Lets go of a source that nobody will read: as {@link disposeResult}, or, where it offers nothing
 * of that, by the `return` of its iterator.
 */
export function disposeSource(source: unknown): void {
  if (typeof source !== 'object' || source === null) return;
  try {
    forget(
      release(source) ?? releaseIterator(source) ?? releaseStream((source as Disposables).body),
    );
  } catch {
    // As above.
  }
}

/** What came of it, in an array, where there is a way to let go of it. */
function release(value: Disposables): [result: unknown] | undefined {
  // As a web stream that is locked: somebody reads it.
  if (isNodeReadable(value) && value.readableFlowing === true) return [undefined];
  const asyncDispose = value[Symbol.asyncDispose];
  if (typeof asyncDispose === 'function') return [asyncDispose.call(value)];
  const dispose = value[Symbol.dispose];
  if (typeof dispose === 'function') return [dispose.call(value)];
  return releaseStream(value);
}

/** A web stream (the body of a `Response`), or a Node stream (of undici's `request`, of node:http). */
function releaseStream(stream: unknown): [result: unknown] | undefined {
  if (stream instanceof ReadableStream) return [stream.locked ? undefined : stream.cancel()];
  if (!isNodeReadable(stream)) return undefined;
  // A stream that is destroyed before its end says so by an error, which would be nobody's.
  stream.on('error', () => {});
  return [stream.destroy()];
}

function releaseIterator(source: Disposables): [result: unknown] | undefined {
  const iterate = source[Symbol.asyncIterator];
  if (typeof iterate !== 'function') return undefined;
  const iterator = iterate.call(source) as AsyncIterator<unknown>;
  return [iterator.return?.()];
}

function forget(released: readonly [result: unknown] | undefined): void {
  Promise.resolve(released?.[0]).catch(() => {});
}

/** By what it can do: `node:stream` is nothing to load for it, and packages have copies of their own. */
function isNodeReadable(stream: unknown): stream is NodeReadable {
  if (typeof stream !== 'object' || stream === null) return false;
  const { pipe, on, destroy } = stream as Readonly<Record<string, unknown>>;
  return [pipe, on, destroy].every((method) => typeof method === 'function');
}
