/** What an aborted call is rejected with: the DOM, Node, undici, axios, the SDKs of OpenAI and Anthropic. */
const NAMES: ReadonlySet<unknown> = new Set(['AbortError', 'APIUserAbortError', 'CanceledError']);
const CODES: ReadonlySet<unknown> = new Set([
  'ABORT_ERR',
  'ERR_CANCELED',
  'UND_ERR_ABORTED',
  'UND_ERR_ABORT',
]);

/**
 * Whether an error says that the call was aborted, by whomever. Its cause is not looked at. Never
 * throws. A Redis command (`command`) that was aborted lost its connection: that is no abort.
 */
export function isAbortError(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false;
  try {
    const { name, code } = error as { readonly name?: unknown; readonly code?: unknown };
    return (NAMES.has(name) && !('command' in error)) || CODES.has(code);
  } catch {
    return false;
  }
}
