import { table, type ErrorTable } from '../internal/table.ts';

/** Gemini. Notes and references of each row: `error-codes.json`. */
export const geminiErrors: ErrorTable = /* @__PURE__ */ table('google-ai', [
  ['RESOURCE_EXHAUSTED+RetryInfo', '429', 'rate-limit', 'medium', 'yes', false, 503, true],
  ['RESOURCE_EXHAUSTED:PerDay', '429 daily quota', 'quota', 'critical', 'no', true, 503],
  ['UNAVAILABLE', '503 model overloaded', 'overload', 'high', 'yes', true, 503],
]);
