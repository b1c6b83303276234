import { table, type ErrorTable } from '../internal/table.ts';

/** Node-redis, by class. Notes and references of each row: `error-codes.json`. */
export const nodeRedisErrors: ErrorTable = /* @__PURE__ */ table('node-redis', [
  ['ConnectionTimeoutError', 'connect timeout', 'timeout', 'high', 'yes', true, 503],
  ['SocketTimeoutError', 'socket timeout', 'timeout', 'medium', 'if-idempotent', true, 504],
  ['SocketClosedUnexpectedlyError', 'socket closed', 'network', 'high', 'if-idempotent', true, 503],
  ['ClientOfflineError', 'offline queue disabled', 'unavailable', 'high', 'yes', true, 503],
  ['ClientClosedError', 'client closed', 'cancelled', 'low', 'no', false, 503],
  ['RootNodesUnavailableError', 'cluster unreachable', 'unavailable', 'high', 'yes', true, 503],
  ['ReconnectStrategyError', 'reconnect gave up', 'unavailable', 'critical', 'no', true, 503],
  ['WatchError', 'WATCHed key changed', 'contention', 'low', 'yes', false, 409],
  [
    'CommandTimeoutDuringMaintenanceError',
    'timeout during failover',
    'timeout',
    'medium',
    'if-idempotent',
    false,
    504,
  ],
  [
    'MaxCommandRedirectionsError',
    'too many redirections',
    'failover',
    'high',
    'if-idempotent',
    true,
    503,
  ],
]);
