import { table, type ErrorTable } from '../internal/table.ts';

/** Ioredis. Notes and references of each row: `error-codes.json`. */
export const ioredisErrors: ErrorTable = /* @__PURE__ */ table('ioredis', [
  [
    'MaxRetriesPerRequestError',
    'gave up after maxRetriesPerRequest',
    'network',
    'high',
    'if-idempotent',
    true,
    503,
  ],
  [
    'AbortError:Command aborted due to connection close',
    'connection lost with command in flight',
    'network',
    'high',
    'if-idempotent',
    true,
    503,
  ],
  [
    'msg:Connection is closed.',
    'client closed / flushed',
    'network',
    'high',
    'if-idempotent',
    true,
    503,
  ],
  ['msg:Command timed out', 'commandTimeout', 'timeout', 'medium', 'if-idempotent', true, 504],
  [
    "msg:Stream isn't writeable and enableOfflineQueue options is false",
    'not connected',
    'unavailable',
    'high',
    'yes',
    true,
    503,
  ],
  ['msg:connect ETIMEDOUT', 'connectTimeout', 'timeout', 'high', 'yes', true, 503],
  ['ClusterAllFailedError', 'failed to refresh slots', 'unavailable', 'high', 'yes', true, 503],
  ['msg:None of startup nodes is available', 'no node', 'unavailable', 'high', 'yes', true, 503],
  [
    'msg:Too many Cluster redirections',
    'maxRedirections',
    'failover',
    'high',
    'if-idempotent',
    true,
    503,
  ],
]);
