import type { GiveUpReason } from '../retry-policy.ts';

/** Who says how long to wait before the next attempt. */
export type DelaySource = 'backoff' | 'server' | 'breaker';

/** How patient a policy is. */
export interface DelayLimits {
  readonly maxServerDelay: number;
  readonly maxBreakerWait: number;
}

/** A server's clients should not come back in step: at most this share is added to its delay … */
const SPREAD = 0.1;
/** … and at most this many milliseconds. */
const MAX_SPREAD_MS = 1_000;

/**
 * The reason not to wait for `delayMs`, if there is one: the deadline, then the server's delay,
 * then the breaker. An open breaker is waited for only when a deadline says how long is too long.
 *
 * @param room The wait must be shorter than this, so that an attempt still has its time; Infinity without a deadline.
 */
export function objection(
  source: DelaySource,
  delayMs: number,
  room: number,
  { maxServerDelay, maxBreakerWait }: DelayLimits,
): GiveUpReason | undefined {
  if (source === 'breaker') {
    if (room <= 0) return 'deadline';
    const isWorthIt = room !== Infinity && delayMs < room && delayMs <= maxBreakerWait;
    return isWorthIt ? undefined : 'breaker';
  }
  if (delayMs >= room) return 'deadline';
  if (source === 'server' && delayMs > maxServerDelay) return 'server-delay';
  return undefined;
}

/** A server's delay, lengthened by chance where there is room for it. Never shortened. */
export function spreadDelay(delayMs: number, room: number, random: () => number): number {
  const spread = delayMs + Math.min(delayMs * SPREAD, MAX_SPREAD_MS) * random();
  // Chance is the user's: NaN and what is negative change nothing.
  return spread > delayMs && spread < room ? spread : delayMs;
}
