import { isAbortError } from '@fournines/core/authoring';
import { causes } from '@fournines/error-classification';

/**
 * Whether an error says that the call was aborted, by whomever. A client that was closed here says
 * otherwise, and so does a hedge whose other attempt was faster.
 */
export function isAbort(error: unknown): boolean {
  let isFound = false;
  for (const cause of causes(error)) {
    if ((cause as { name?: unknown } | undefined)?.name === 'SupersededError') return false;
    isFound ||= isAbortError(cause);
  }
  return isFound;
}
