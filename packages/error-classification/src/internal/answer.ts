import type { Classification } from '../classification.ts';
import type { Entry } from './catalog.ts';
import { type Fields, isObject } from './fields.ts';
import { firstReading, readings } from './readings.ts';
import type { Adjustment } from './source.ts';

/** What a row says of an error, and what the error adds to it. */
export function answer(
  entry: Entry,
  fields: Fields,
  error: unknown,
  now: () => number,
): Classification {
  const { row } = entry;
  const adjustment: Adjustment | undefined = entry.adjust?.(fields, row, now);
  const retryAfterMs = adjustment?.retryAfterMs ?? entry.retryAfterMs;
  const retryable = adjustment?.retryable ?? row.retryable;
  const { category, severity, breakerFailure, httpStatus, source, code } = row;
  if (retryAfterMs === undefined)
    return { category, severity, retryable, breakerFailure, httpStatus, source, code, error };
  return {
    category,
    severity,
    retryable,
    breakerFailure,
    httpStatus,
    retryAfterMs,
    source,
    code,
    error,
  };
}

/** As `answer`, for an error whose getters may throw. */
export function answerSafely(entry: Entry, error: unknown, now: () => number): Classification {
  const tries = isObject(error) ? [error, ...readings(error)] : [];
  return (
    firstReading(tries, (fields) => answer(entry, fields, error, now)) ??
    answer(entry, {}, error, now)
  );
}
