import type { Classification } from '../classification.ts';

/** What a row may be changed to. */
export type Override = Partial<Omit<Classification, 'error' | 'source' | 'code'>>;

const CATEGORIES = new Set([
  'cancelled',
  'timeout',
  'network',
  'tls',
  'unavailable',
  'overload',
  'rate-limit',
  'quota',
  'failover',
  'contention',
  'resource-exhausted',
  'validation',
  'limit-exceeded',
  'authentication',
  'authorization',
  'not-found',
  'conflict',
  'configuration',
  'internal',
  'bug',
  'unknown',
]);
const SEVERITIES = new Set(['low', 'medium', 'high', 'critical']);
const RETRYABLE = new Set(['yes', 'if-idempotent', 'no']);

const CHECKS: Readonly<Record<string, { rule: string; holds: (value: unknown) => boolean }>> = {
  category: { rule: 'a category', holds: (value) => CATEGORIES.has(value as string) },
  severity: {
    rule: 'low, medium, high or critical',
    holds: (value) => SEVERITIES.has(value as string),
  },
  retryable: { rule: 'yes, if-idempotent or no', holds: (value) => RETRYABLE.has(value as string) },
  breakerFailure: { rule: 'a boolean', holds: (value) => typeof value === 'boolean' },
  httpStatus: {
    rule: 'an integer from 200 to 599',
    holds: (value) =>
      Number.isInteger(value) && (value as number) >= 200 && (value as number) <= 599,
  },
  retryAfterMs: {
    rule: 'a finite number >= 0',
    holds: (value) => Number.isFinite(value) && (value as number) >= 0,
  },
};

/** A part of a classification, checked and copied; throws `TypeError` or `RangeError` that names field, rule and value. */
export function checkedOverride(where: string, value: unknown): Override {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TypeError(
      `${where} must be an object, got ${value === null ? 'null' : typeof value}`,
    );
  }
  const result: Record<string, unknown> = {};
  for (const [field, given] of Object.entries(value)) {
    const check = CHECKS[field];
    if (check === undefined) {
      throw new TypeError(
        `${where}: unknown field ${field}; there are ${Object.keys(CHECKS).join(', ')}`,
      );
    }
    if (given === undefined) continue;
    if (!check.holds(given))
      throw new RangeError(`${where}: ${field} must be ${check.rule}, got ${String(given)}`);
    result[field] = given;
  }
  return result;
}
