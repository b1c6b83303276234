import { isResilienceError } from '@fournines/core';

/** Whether a limiter of ours, or a bulkhead of cockatiel, refused: more attempts would only press harder. */
export function isLimitRefusal(error: unknown): boolean {
  if (isResilienceError(error)) return error.code === 'ELIMITED';
  return (
    typeof error === 'object' &&
    error !== null &&
    (error as { isBulkheadRejectedError?: unknown }).isBulkheadRejectedError === true
  );
}
