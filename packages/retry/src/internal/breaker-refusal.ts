import { isResilienceError } from '@fournines/core';

/**
 * How long the circuit stays open that refused with this error, in milliseconds: Infinity when
 * nobody knows (isolated, or a breaker of cockatiel or opossum). Undefined: no breaker refused.
 */
export function breakerRefusal(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  if (isResilienceError(error)) {
    return error.code === 'ECIRCUITOPEN' ? waitOf(error.retryAfterMs) : undefined;
  }
  const { isBrokenCircuitError, code } = error as {
    isBrokenCircuitError?: unknown;
    code?: unknown;
  };
  return isBrokenCircuitError === true || code === 'EOPENBREAKER' ? Infinity : undefined;
}

function waitOf(retryAfterMs: unknown): number {
  return typeof retryAfterMs === 'number' && retryAfterMs >= 0 ? retryAfterMs : Infinity;
}
