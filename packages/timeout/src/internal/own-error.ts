/**
 * Whether an error is the function's own and not just an echo of the abort: an `AbortError` as Node
 * and the web platform make it. Errors of other libraries may bear that name, so the code counts too.
 */
export function isOwnError(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return true;
  const { name, code } = error as { name?: unknown; code?: unknown };
  const isAbortCode = code === 'ABORT_ERR' || code === DOMException.ABORT_ERR;
  return !(name === 'AbortError' && isAbortCode);
}
