const RESOLVED = Promise.resolve();

/**
 * A promise that rejects one microtask later. The caller's `await` is attached by then, which
 * spares the bookkeeping for unhandled rejections: about 0.4 µs, at the moment of overload.
 */
export function rejectSoon(error: unknown): Promise<never> {
  return new Promise((_resolve, reject) => {
    void RESOLVED.then(() => reject(error));
  });
}
