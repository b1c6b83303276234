import { headerOf, parseRetryAfter } from '../retry-after.ts';
import type { Retryable } from '../classification.ts';
import { type Fields, fieldsOf } from './fields.ts';
import { headersOf } from './response.ts';
import type { Adjustment } from './source.ts';
import type { ErrorRow } from './table.ts';

/** What a server's answer adds to its status: how long to wait, and whether to come back at all. */
export function served(error: Fields, row: ErrorRow, now: () => number): Adjustment | undefined {
  const headers = headersOf(error);
  const body = row.carriesDelay ? bodyOf(error) : undefined;
  if (headers === undefined && body === undefined) return undefined;
  return {
    retryAfterMs: parseRetryAfter(headers, now(), body),
    retryable: hint(headerOf(headers, 'x-should-retry'), row.retryable),
  };
}

/** OpenAI and Anthropic say it themselves; their word wins over any table. */
function hint(value: string | undefined, otherwise: Retryable): Retryable {
  if (value === 'true') return 'yes';
  return value === 'false' ? 'no' : otherwise;
}

function bodyOf(error: Fields): unknown {
  return (
    error.errorDetails ??
    error.details ??
    error.error ??
    error.data ??
    error.body ??
    fieldsOf(error.response).data
  );
}
