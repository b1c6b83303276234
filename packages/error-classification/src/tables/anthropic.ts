import { table, type ErrorTable } from '../internal/table.ts';

/** Anthropic. Notes and references of each row: `error-codes.json`. */
export const anthropicErrors: ErrorTable = /* @__PURE__ */ table('anthropic', [
  ['invalid_request_error', '400', 'validation', 'low', 'no', false, 400],
  [
    'invalid_request_error:prompt is too long',
    'context window exceeded',
    'limit-exceeded',
    'low',
    'no',
    false,
    413,
  ],
  ['authentication_error', '401', 'authentication', 'critical', 'no', true, 500],
  ['billing_error', '402', 'quota', 'critical', 'no', true, 503],
  ['permission_error', '403', 'authorization', 'high', 'no', false, 500],
  ['not_found_error', '404', 'not-found', 'medium', 'no', false, 404],
  ['conflict_error', '409', 'contention', 'low', 'yes', false, 503],
  ['request_too_large', '413', 'limit-exceeded', 'low', 'no', false, 413],
  ['rate_limit_error', '429', 'rate-limit', 'medium', 'yes', false, 503, true],
  ['enforced_spend_limit_reached', '429 with no retry-after', 'quota', 'critical', 'no', true, 503],
  ['api_error', '500', 'internal', 'high', 'yes', true, 502],
  ['timeout_error', '504', 'timeout', 'high', 'yes', true, 504],
  ['overloaded_error', '529', 'overload', 'high', 'yes', true, 503, true],
]);
