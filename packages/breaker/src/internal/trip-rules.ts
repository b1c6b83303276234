import type { TripRule, TripWindow } from '../trip-report.ts';
import type { Settings } from './settings.ts';

type Limits = Pick<
  Settings,
  | 'failureThreshold'
  | 'failureRateThreshold'
  | 'minimumCalls'
  | 'slowCallRateThreshold'
  | 'blackHole'
  | 'permittedCalls'
  | 'halfOpenRate'
>;

/**
 * Which rule of the closed state holds, if one does. Calls that still run count for the slow rate
 * alone, and for a black hole, which healthy calls of before in the window cannot hide. While traffic
 * comes back, the rule of the half-open state holds too.
 */
export function brokenRule(
  limits: Limits,
  window: TripWindow,
  isRamping: boolean,
): TripRule | undefined {
  const { calls, failures, slow, slowInFlight, unanswered, consecutiveFailures } = window;
  if (consecutiveFailures >= limits.failureThreshold) return 'failure-threshold';
  if (
    failures > 0 &&
    calls >= limits.minimumCalls &&
    failures / calls >= limits.failureRateThreshold
  ) {
    return 'failure-rate';
  }
  const seen = calls + slowInFlight;
  const allSlow = slow + slowInFlight;
  if (
    allSlow > 0 &&
    seen >= limits.minimumCalls &&
    allSlow / seen >= limits.slowCallRateThreshold
  ) {
    return 'slow-call-rate';
  }
  if (limits.blackHole && unanswered >= limits.minimumCalls) return 'black-hole';
  const isProbing = isRamping && calls >= limits.permittedCalls;
  return isProbing && failures / calls >= limits.halfOpenRate ? 'ramp' : undefined;
}

/** The rule with its numbers, for a human. */
export function inequality(rule: TripRule, settings: Settings, window: TripWindow): string {
  const { calls, failures, slow, slowInFlight, unanswered, consecutiveFailures } = window;
  const seen = calls + slowInFlight;
  const allSlow = slow + slowInFlight;
  const lines: Readonly<Record<TripRule, () => string>> = {
    'failure-threshold': () =>
      `${consecutiveFailures} failures in a row >= failureThreshold ${settings.failureThreshold}`,
    'failure-rate': () =>
      `${failures} of ${calls} calls failed: ${ratio(failures, calls)} >= failureRateThreshold ${settings.failureRateThreshold}`,
    'slow-call-rate': () =>
      `${allSlow} of ${seen} calls took ${settings.slowCallDuration} ms or more (${slowInFlight} still running): ${ratio(allSlow, seen)} >= slowCallRateThreshold ${settings.slowCallRateThreshold}`,
    'black-hole': () =>
      `${unanswered} calls have been running for ${settings.slowCallDuration} ms or more, and none that started with or after them was answered: ${unanswered} >= minimumCalls ${settings.minimumCalls}`,
    'half-open': () =>
      `${failures} of ${settings.permittedCalls} probes failed or were slow: ${ratio(failures, settings.permittedCalls)} >= halfOpen.failureRateThreshold ${settings.halfOpenRate}`,
    ramp: () =>
      `${failures} of ${calls} calls failed while traffic came back: ${ratio(failures, calls)} >= halfOpen.failureRateThreshold ${settings.halfOpenRate}`,
    'open-on': () => 'the dependency asked for it (openOn)',
    fleet: () => 'another process opened it',
  };
  return lines[rule]();
}

function ratio(part: number, whole: number): string {
  return String(Number((part / whole).toFixed(4)));
}
