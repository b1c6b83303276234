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

/**
 * Whether chance chooses this one of all, of which `share` are chosen. A `random` that throws, or
 * gives no number, chooses what is safe.
 */
export function isChosen(random: () => number, share: number, safe: boolean): boolean {
  try {
    const chance: unknown = random();
    if (typeof chance === 'number' && !Number.isNaN(chance)) return chance < share;
    reportOnce(
      random,
      'breaker: random',
      new TypeError(`must be in [0, 1), got ${String(chance)}`),
    );
    return safe;
  } catch (error) {
    reportOnce(random, 'breaker: random', error);
    return safe;
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
