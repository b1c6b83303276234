import { table, type ErrorTable } from '../internal/table.ts';

/** DNS. Notes and references of each row: `error-codes.json`. */
export const dnsErrors: ErrorTable = /* @__PURE__ */ table('dns', [
  ['ENOTFOUND', 'name not found', 'unavailable', 'high', 'yes', true, 503],
  ['EAI_AGAIN', 'temporary resolver failure', 'unavailable', 'high', 'yes', true, 503],
  ['ESERVFAIL', 'server failure', 'unavailable', 'high', 'yes', true, 503],
  ['EREFUSED', 'query refused', 'unavailable', 'high', 'yes', true, 503],
  ['ETIMEOUT', 'resolver timeout (c-ares spelling)', 'timeout', 'high', 'yes', true, 503],
  ['ENODATA', 'no record of this type', 'configuration', 'high', 'no', true, 503],
  ['EFORMERR', 'malformed query', 'bug', 'medium', 'no', false, 500],
  ['EBADNAME', 'malformed name', 'validation', 'low', 'no', false, 400],
  ['ECANCELLED', 'query cancelled', 'cancelled', 'low', 'no', false, 499],
]);
