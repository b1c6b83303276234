import { table, type ErrorTable } from '../internal/table.ts';

/** Node-postgres errors that carry no code. Notes and references of each row: `error-codes.json`. */
export const pgClientErrors: ErrorTable = /* @__PURE__ */ table('pg-client', [
  ['msg:Connection terminated unexpectedly', 'socket closed mid-flight', 'network', 'high', 'if-idempotent', true, 503],
  ['msg:Connection terminated due to connection timeout', 'connect timeout', 'timeout', 'high', 'yes', true, 503],
  ['msg:timeout expired', 'connect timeout', 'timeout', 'high', 'yes', true, 503],
  ['msg:timeout exceeded when trying to connect', 'pool checkout timeout', 'overload', 'high', 'yes', true, 503],
  ['msg:Query read timeout', 'client-side query_timeout', 'timeout', 'medium', 'if-idempotent', true, 504],
  ['msg:Client has encountered a connection error and is not queryable', 'dead client', 'network', 'medium', 'yes', true, 503],
  ['msg:Connection terminated', 'client.end() called', 'cancelled', 'low', 'no', false, 503],
  ['msg:Cannot use a pool after calling end on the pool', 'pool ended', 'cancelled', 'low', 'no', false, 503],
]);
