/**
 * Whether a callee failed with the abort itself and has nothing of its own to say: with the reason
 * of its signal, or with the error that Node and the web make of an abort. A name alone says
 * nothing: ioredis has errors called `AbortError` that mean a lost connection.
 */
export function isOnlyTheAbort(error: unknown, reason: unknown): boolean {
  if (error === reason) return true;
  try {
    if (!(error instanceof Error) || error.name !== 'AbortError' || !('code' in error))
      return false;
    return error.code === 'ABORT_ERR' || error.code === DOMException.ABORT_ERR;
  } catch {
    // It cannot be read (a getter that throws, a revoked proxy), so it is no abort that we know.
    return false;
  }
}
