import { table, type ErrorTable } from '../internal/table.ts';

/** Undici. Notes and references of each row: `error-codes.json`. */
export const undiciErrors: ErrorTable = /* @__PURE__ */ table('undici', [
  ['UND_ERR_CONNECT_TIMEOUT', 'connect timeout', 'timeout', 'high', 'yes', true, 503],
  ['UND_ERR_HEADERS_TIMEOUT', 'headers timeout', 'timeout', 'high', 'if-idempotent', true, 504],
  ['UND_ERR_BODY_TIMEOUT', 'body timeout', 'timeout', 'high', 'if-idempotent', true, 504],
  ['UND_ERR_SOCKET', 'socket error / other side closed', 'network', 'high', 'if-idempotent', true, 503],
  ['UND_ERR_SOCKET:unsent', 'socket closed before a byte was written', 'network', 'medium', 'yes', true, 503],
  ['UND_ERR_ABORTED', 'request aborted', 'cancelled', 'low', 'no', false, 499],
  ['UND_ERR_ABORT', 'aborted', 'cancelled', 'low', 'no', false, 499],
  ['UND_ERR_DESTROYED', 'client destroyed', 'cancelled', 'low', 'no', false, 503],
  ['UND_ERR_CLOSED', 'client closed', 'cancelled', 'low', 'no', false, 503],
  ['UND_ERR_REQ_CONTENT_LENGTH_MISMATCH', 'our body length is wrong', 'bug', 'medium', 'no', false, 500],
  ['UND_ERR_RES_CONTENT_LENGTH_MISMATCH', 'truncated response', 'network', 'medium', 'if-idempotent', true, 502],
  ['UND_ERR_RES_EXCEEDED_MAX_SIZE', 'response too large', 'limit-exceeded', 'medium', 'no', false, 502],
  ['UND_ERR_HEADERS_OVERFLOW', 'headers too large', 'limit-exceeded', 'medium', 'no', false, 502],
  ['UND_ERR_INVALID_ARG', 'bad argument', 'bug', 'medium', 'no', false, 500],
  ['UND_ERR_NOT_SUPPORTED', 'not supported', 'bug', 'medium', 'no', false, 500],
  ['UND_ERR_INFO', 'informational (reset etc.)', 'network', 'medium', 'if-idempotent', true, 503],
  ['UND_ERR_REQ_RETRY', 'retry handler gave up', 'unknown', 'medium', 'no', true, 502, true],
  ['UND_ERR_RESPONSE', 'status >= 400 (throwOnError)', 'unknown', 'medium', 'no', false, 502, true],
  ['UND_ERR_PRX_CONN', 'proxy connection failed', 'unavailable', 'high', 'yes', true, 502],
  ['UND_ERR_PRX_TLS', 'proxy TLS failed', 'tls', 'high', 'no', true, 502],
  ['UND_ERR_BPL_MISSING_UPSTREAM', 'no upstream in pool', 'configuration', 'critical', 'no', true, 503],
  ['UND_ERR_MAX_ORIGINS_REACHED', 'too many origins', 'resource-exhausted', 'high', 'no', false, 503],
  ['UND_ERR_SOCKS5', 'SOCKS5 proxy error', 'unavailable', 'high', 'yes', true, 502],
  ['HPE_*', 'HTTPParserError: not HTTP', 'internal', 'high', 'if-idempotent', true, 502],
]);
