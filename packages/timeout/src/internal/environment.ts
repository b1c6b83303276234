import { checkDuration } from '../options.ts';

/** The environment variable of an operation: `DATABASE_QUERY` and `databaseQuery` → `TIMEOUT_DATABASE_QUERY`. */
export function variableOf(operation: string): string {
  const words = operation.replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2').replaceAll(/\W+/g, '_');
  return `TIMEOUT_${words.toUpperCase()}`;
}

/**
 * The duration that a variable sets, in milliseconds; undefined when it is not set or empty.
 *
 * @throws RangeError when it is no number > 0.
 */
export function durationFrom(
  env: Readonly<Record<string, string | undefined>>,
  variable: string,
): number | undefined {
  const text = env[variable]?.trim();
  if (text === undefined || text === '') return undefined;
  if (/^(?:\d+(?:\.\d+)?|Infinity)$/.test(text)) {
    return checkDuration(`timeouts: ${variable}`, Number(text));
  }
  throw new RangeError(
    `timeouts: ${variable} must be a number > 0 (Infinity is allowed), got '${text}'`,
  );
}
