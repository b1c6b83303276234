import { type Attempt, type REFUSED, checkBoolean } from '@fournines/core/authoring';

/**
 * Refuses a call whose own `idempotent` is neither true nor false: the string `'false'` would be
 * taken for a yes, and a payment made twice. Undefined: nothing is wrong with it.
 */
export function refusalOf(attempt: Attempt): typeof REFUSED | undefined {
  const { call } = attempt;
  if (call === undefined) return undefined;
  try {
    const { idempotent } = call;
    if (idempotent !== undefined) checkBoolean('execute: idempotent', idempotent);
    return undefined;
  } catch (fault) {
    return attempt.refuse(fault);
  }
}
