import { isResilienceError } from '../errors.ts';

/** Codes of our own refusals: the call was never started. */
const CODES: ReadonlySet<string> = new Set(['ECIRCUITOPEN', 'ELIMITED', 'EDEADLINE']);

/**
 * The code of a refusal: of our own policies, and of cockatiel's breakers and bulkheads further in,
 * which bear the code of ours. Undefined for any other error, and for one that cannot be read.
 */
export function refusalCode(error: unknown): string | undefined {
  try {
    if (isResilienceError(error)) return CODES.has(error.code) ? error.code : undefined;
    if (!(error instanceof Error)) return undefined;
    const { isBrokenCircuitError, isBulkheadRejectedError } = error as {
      isBrokenCircuitError?: unknown;
      isBulkheadRejectedError?: unknown;
    };
    if (isBrokenCircuitError === true) return 'ECIRCUITOPEN';
    return isBulkheadRejectedError === true ? 'ELIMITED' : undefined;
  } catch {
    return undefined;
  }
}
