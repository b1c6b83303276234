import { table, type ErrorTable } from '../internal/table.ts';

/** OpenAI. Notes and references of each row: `error-codes.json`. */
export const openaiErrors: ErrorTable = /* @__PURE__ */ table('openai', [
  ['context_length_exceeded', '400, prompt too long', 'limit-exceeded', 'low', 'no', false, 413],
  ['content_policy_violation', '400, refused', 'validation', 'low', 'no', false, 422],
  ['invalid_api_key', '401', 'authentication', 'critical', 'no', true, 500],
  ['unsupported_country_region_territory', '403', 'authorization', 'critical', 'no', true, 503],
  ['model_not_found', '404', 'configuration', 'high', 'no', false, 500],
  ['conflict', '409 lock timeout', 'contention', 'low', 'yes', false, 503],
  ['rate_limit_exceeded', '429 RPM/TPM', 'rate-limit', 'medium', 'yes', false, 503, true],
  ['slow_down', '429/503 ramping too fast', 'overload', 'high', 'yes', true, 503, true],
  ['insufficient_quota', '429 billing', 'quota', 'critical', 'no', true, 503],
  ['credit_balance_exhausted', '429 billing', 'quota', 'critical', 'no', true, 503],
  ['organization_spend_limit_exceeded', '429 billing', 'quota', 'critical', 'no', true, 503],
  ['project_spend_limit_exceeded', '429 billing', 'quota', 'critical', 'no', true, 503],
  ['organization_usage_limit_exceeded', '429 billing', 'quota', 'critical', 'no', true, 503],
  ['server_error', '500', 'internal', 'high', 'yes', true, 502],
  ['engine_overloaded', '503', 'overload', 'high', 'yes', true, 503, true],
  ['APIConnectionError', 'network', 'network', 'high', 'yes', true, 503],
  ['APIConnectionTimeoutError', 'timeout', 'timeout', 'high', 'yes', true, 504],
  ['APIUserAbortError', 'caller aborted', 'cancelled', 'low', 'no', false, 499],
  [
    'LengthFinishReasonError',
    'output cut at max tokens',
    'limit-exceeded',
    'low',
    'no',
    false,
    502,
  ],
  ['ContentFilterFinishReasonError', 'content filter', 'validation', 'low', 'no', false, 422],
]);
