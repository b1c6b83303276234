import { reportOnce } from '@fournines/core/authoring';
import type { BreakInfo } from '../options.ts';

/** What stands in for a duration that a function failed to give. */
const SAFE_MS = 30_000;

/** How long the circuit stays open. A generator that throws, or gives no duration, gets 30 s. */
export function breakDuration(
  resetTimeout: number | ((info: BreakInfo) => number),
  info: BreakInfo,
): number {
  if (typeof resetTimeout === 'number') return resetTimeout;
  try {
    const ms = resetTimeout(info);
    if (typeof ms === 'number' && ms >= 0) return ms;
    reportOnce(
      resetTimeout,
      'breaker: resetTimeout',
      new RangeError(`must be >= 0, got ${String(ms)}`),
    );
  } catch (error) {
    reportOnce(resetTimeout, 'breaker: resetTimeout', error);
  }
  return SAFE_MS;
}
