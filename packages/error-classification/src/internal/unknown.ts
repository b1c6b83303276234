import type { Classification } from '../classification.ts';
import { isObject } from './fields.ts';
import type { ErrorRow } from './table.ts';

/** What is said of an error that nobody knows: no second try, and evidence against the dependency. */
export const UNKNOWN: Omit<ErrorRow, 'source' | 'code' | 'name'> = {
  category: 'unknown',
  severity: 'medium',
  retryable: 'no',
  breakerFailure: true,
  httpStatus: 500,
  carriesDelay: false,
};

/** The classification of an error, or of whatever else was thrown, that no row matches. */
export function unknown(error: unknown): Classification {
  const { category, severity, retryable, breakerFailure, httpStatus } = UNKNOWN;
  if (isObject(error)) return { category, severity, retryable, breakerFailure, httpStatus, error };
  return {
    category,
    severity,
    retryable,
    breakerFailure,
    httpStatus,
    source: 'app',
    code: 'non-Error thrown',
    error,
  };
}
