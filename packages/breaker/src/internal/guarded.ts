import type { CallOptions } from '@fournines/core';
import { type Outcome, reportOnce } from '@fournines/core/authoring';
import type { Settings } from './settings.ts';

/** Whether this call may be a probe. A predicate that throws admits nobody. */
export function mayProbe({ isProbe }: Settings, call: CallOptions | undefined): boolean {
  if (isProbe === undefined) return true;
  try {
    return isProbe(call ?? {}) === true;
  } catch (error) {
    reportOnce(isProbe, 'breaker: isProbe', error);
    return false;
  }
}

/** For how long the dependency asked to be left alone; undefined when it did not, or the function threw. */
export function askedPause(
  openOn: (outcome: Outcome) => number | undefined,
  outcome: Outcome,
): number | undefined {
  try {
    const ms = openOn(outcome);
    return typeof ms === 'number' && ms > 0 ? ms : undefined;
  } catch (error) {
    reportOnce(openOn, 'breaker: openOn', error);
    return undefined;
  }
}
