import type { Classification, Retryable, Severity } from '../classification.ts';

const RETRY_ORDER: Readonly<Record<Retryable, number>> = { yes: 0, 'if-idempotent': 1, no: 2 };
const SEVERITY_ORDER: Readonly<Record<Severity, number>> = {
  low: 0,
  medium: 1,
  high: 2,
  critical: 3,
};

/** The least permissive retry, the highest severity, and a breaker failure if any member is one. */
export function combine(members: readonly Classification[]): Classification | undefined {
  let worst: Classification | undefined;
  let severity: Severity = 'low';
  let breakerFailure = false;
  let retryAfterMs: number | undefined;
  for (const one of members) {
    if (worst === undefined || isWorse(one, worst)) worst = one;
    if (SEVERITY_ORDER[one.severity] > SEVERITY_ORDER[severity]) severity = one.severity;
    if (one.breakerFailure) breakerFailure = true;
    if (one.retryAfterMs !== undefined)
      retryAfterMs = Math.max(retryAfterMs ?? 0, one.retryAfterMs);
  }
  if (worst === undefined) return undefined;
  return {
    ...worst,
    severity,
    breakerFailure,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  };
}

function isWorse(a: Classification, b: Classification): boolean {
  const difference = RETRY_ORDER[a.retryable] - RETRY_ORDER[b.retryable];
  return (
    difference > 0 || (difference === 0 && SEVERITY_ORDER[a.severity] > SEVERITY_ORDER[b.severity])
  );
}
