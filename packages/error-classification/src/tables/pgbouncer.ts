import { table, type ErrorTable } from '../internal/table.ts';

/** PgBouncer's own messages, all sent as 08P01. Notes and references of each row: `error-codes.json`. */
export const pgbouncerErrors: ErrorTable = /* @__PURE__ */ table('pgbouncer', [
  [
    '08P01:query_wait_timeout',
    'no server connection in time',
    'overload',
    'high',
    'yes',
    true,
    503,
  ],
  ['08P01:query_timeout', 'query ran too long', 'timeout', 'medium', 'if-idempotent', true, 504],
  ['08P01:no more connections allowed', 'max_client_conn', 'overload', 'high', 'yes', true, 503],
  [
    '08P01:server login has been failing',
    'server_login_retry',
    'unavailable',
    'high',
    'yes',
    true,
    503,
  ],
  ['08P01:client_login_timeout', 'login timeout', 'unavailable', 'high', 'yes', true, 503],
  [
    '08P01:server conn crashed',
    'upstream connection lost',
    'network',
    'high',
    'if-idempotent',
    true,
    503,
  ],
]);
