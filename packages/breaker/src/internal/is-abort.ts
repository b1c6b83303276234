import { causes } from '@fournines/error-classification';

/** What an aborted call is rejected with: the DOM, Node, undici, axios, the SDKs of OpenAI and Anthropic. */
const NAMES: ReadonlySet<unknown> = new Set(['AbortError', 'APIUserAbortError', 'CanceledError']);
const CODES: ReadonlySet<unknown> = new Set([
  'ABORT_ERR',
  'ERR_CANCELED',
  'UND_ERR_ABORTED',
  'UND_ERR_ABORT',
]);

/**
 * Whether an error says that the call was aborted, by whomever. A client that was closed here says
 * otherwise, and so does a hedge whose other attempt was faster.
 */
export function isAbort(error: unknown): boolean {
  let isFound = false;
  for (const cause of causes(error)) {
    const { name, code } = (cause ?? {}) as { name?: unknown; code?: unknown };
    if (name === 'SupersededError') return false;
    isFound ||= NAMES.has(name) || CODES.has(code);
  }
  return isFound;
}
