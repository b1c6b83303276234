import type { ErrorRow } from '../src/internal/table.ts';

interface Extra extends Record<string, unknown> {
  readonly name?: string;
  readonly message?: string;
}

/** An error with the shape that the source's own client gives it. */
export function errorFor(row: Pick<ErrorRow, 'source' | 'code' | 'name'>): unknown {
  const { source, code } = row;
  const special = SPECIAL[`${source}/${code}`];
  if (special !== undefined) return special();
  if (code.startsWith('msg:')) return make({ message: code.slice('msg:'.length) });
  switch (source) {
    case 'pgbouncer':
      return make({ code: '08P01', message: code.slice('08P01:'.length), severity: 'FATAL' });
    case 'pg':
      return make({
        code: code.slice(0, 5),
        message: code.slice(6) || row.name,
        severity: 'ERROR',
      });
    case 'prisma':
      return /^P\d|\./.test(code)
        ? make({
            name: 'PrismaClientKnownRequestError',
            code: code.slice(0, 5) === code.split(':')[0] ? code.slice(0, 5) : code,
            message: code,
          })
        : make({ name: code });
    case 'redis':
      return make({
        name: 'ReplyError',
        message: code.includes(' ') ? code : `${code} said the server`,
      });
    case 'ioredis':
      return make({ name: code });
    case 'node-redis':
      return unnamed(code);
    case 'http':
    case 'x-api': {
      if (code.startsWith('/problems'))
        return make({ status: 403, data: { type: `https://api.twitter.com/2${code}` } });
      if (source === 'x-api' && !['429', '420', '503', '409'].includes(code)) {
        return make({
          status: 403,
          response: { status: 403, data: { errors: [{ code: Number(code), message: row.name }] } },
        });
      }
      return make({
        status: Number(code),
        ...(source === 'x-api' && { url: 'https://api.x.com/2/tweets' }),
      });
    }
    case 'openai':
      return /^[A-Z]/.test(code)
        ? unnamed(code)
        : make({ code, type: 'other', error: { code }, requestID: 'req_1' });
    case 'anthropic':
      return make({ error: { type: 'error', error: { type: code } }, requestID: 'req_1' });
    case 'grpc':
      return make({
        code: Number(code),
        details: row.name,
        metadata: {},
        message: `${code} ${row.name}: no`,
      });
    case 'app':
    case 'fetch':
      return /^[A-Z]+$|^APP_/.test(code) ? make({ code }) : make({ name: code });
    default:
      return make({ code, message: `${code} ${row.name}` });
  }
}

const SPECIAL: Readonly<Record<string, () => unknown>> = {
  'prisma/SqlConnectionError:permanent': () =>
    make({ name: 'SqlConnectionError', transient: false }),
  'prisma/P2028:Unable to start a transaction': () =>
    make({
      code: 'P2028',
      message: 'Transaction API error: Unable to start a transaction in the given time.',
    }),
  'ioredis/AbortError:Command aborted due to connection close': () =>
    make({ name: 'AbortError', message: 'Command aborted due to connection close' }),
  'node/ECONNRESET:connect': () =>
    make({
      code: 'ECONNRESET',
      message: 'Client network socket disconnected before secure TLS connection was established',
    }),
  'node/ETIMEDOUT:connect': () => make({ code: 'ETIMEDOUT', syscall: 'connect' }),
  'node/ETIMEDOUT': () => make({ code: 'ETIMEDOUT', syscall: 'read' }),
  'node/ENOENT:connect': () => make({ code: 'ENOENT', syscall: 'connect' }),
  'node/EACCES:connect': () => make({ code: 'EACCES', syscall: 'connect' }),
  'node/ERR_HTTP2_STREAM_ERROR:NGHTTP2_REFUSED_STREAM': () =>
    make({
      code: 'ERR_HTTP2_STREAM_ERROR',
      message: 'Stream closed with error code NGHTTP2_REFUSED_STREAM',
    }),
  'tls/ERR_SSL_*': () => make({ code: 'ERR_SSL_NO_PROTOCOLS_AVAILABLE' }),
  'undici/UND_ERR_SOCKET:unsent': () =>
    make({ code: 'UND_ERR_SOCKET', socket: { bytesWritten: 0 } }),
  'undici/UND_ERR_SOCKET': () => make({ code: 'UND_ERR_SOCKET', socket: { bytesWritten: 120 } }),
  'undici/HPE_*': () => make({ name: 'HTTPParserError' }),
  'fetch/TypeError:fetch failed': () =>
    new TypeError('fetch failed', { cause: new Error('something new') }),
  'fetch/TypeError:terminated': () => new TypeError('terminated'),
  'fetch/TypeError:fetch failed <- bad port/unknown scheme': () =>
    new TypeError('fetch failed', { cause: new Error('bad port') }),
  'fetch/TypeError:fetch failed <- redirect count exceeded': () =>
    new TypeError('fetch failed', { cause: new Error('redirect count exceeded') }),
  'fetch/AbortError': () => new DOMException('This operation was aborted', 'AbortError'),
  'fetch/TimeoutError': () =>
    new DOMException('The operation was aborted due to timeout', 'TimeoutError'),
  'fetch/AggregateError': () => new AggregateError([]),
  'http/403:retry-after': () => make({ status: 403, headers: { 'retry-after': '60' } }),
  'http/413:retry-after': () => make({ status: 413, headers: { 'retry-after': '60' } }),
  'http/problem+json': () =>
    make({
      type: 'https://example.com/problems/odd',
      headers: { 'content-type': 'application/problem+json' },
    }),
  'http/problem:#quota-exceeded': () => make({ status: 429, type: problem('quota-exceeded') }),
  'http/problem:#temporary-reduced-capacity': () =>
    make({ status: 503, type: problem('temporary-reduced-capacity') }),
  'http/problem:#abnormal-usage-detected': () =>
    make({ status: 429, type: problem('abnormal-usage-detected') }),
  'http/axios:ERR_NETWORK': () => make({ name: 'AxiosError', code: 'ERR_NETWORK' }),
  'http/axios:ERR_CANCELED': () => make({ name: 'CanceledError', code: 'ERR_CANCELED' }),
  'http/axios:ERR_BAD_RESPONSE': () => make({ name: 'AxiosError', code: 'ERR_BAD_RESPONSE' }),
  'http/axios:ERR_BAD_REQUEST': () => make({ name: 'AxiosError', code: 'ERR_BAD_REQUEST' }),
  'anthropic/enforced_spend_limit_reached': () =>
    make({
      status: 429,
      error: {
        type: 'error',
        error: {
          type: 'rate_limit_error',
          details: { error_code: 'enforced_spend_limit_reached' },
        },
      },
    }),
  'anthropic/invalid_request_error:prompt is too long': () =>
    make({
      status: 400,
      error: {
        type: 'error',
        error: {
          type: 'invalid_request_error',
          message: 'prompt is too long: 210000 tokens > 200000 maximum',
        },
      },
    }),
  'google-ai/RESOURCE_EXHAUSTED+RetryInfo': () =>
    gemini(429, 'RESOURCE_EXHAUSTED', [
      { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '34.4s' },
    ]),
  'google-ai/RESOURCE_EXHAUSTED:PerDay': () =>
    gemini(429, 'RESOURCE_EXHAUSTED', [
      {
        '@type': 'type.googleapis.com/google.rpc.QuotaFailure',
        violations: [{ quotaId: 'GenerateRequestsPerDayPerProjectPerModel-FreeTier' }],
      },
      { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '34.4s' },
    ]),
  'google-ai/UNAVAILABLE': () => gemini(503, 'UNAVAILABLE', []),
  'app/BrokenCircuitError': () => make({ isBrokenCircuitError: true }),
  'app/IsolatedCircuitError': () =>
    make({ isBrokenCircuitError: true, isIsolatedCircuitError: true }),
  'app/HydratingCircuitError': () => make({ isHydratingCircuitError: true }),
  'app/BulkheadRejectedError': () => make({ isBulkheadRejectedError: true }),
  'app/TaskCancelledError': () => make({ isTaskCancelledError: true }),
  'app/opossum:EOPENBREAKER': () => make({ code: 'EOPENBREAKER' }),
  'app/opossum:ESEMLOCKED': () => make({ code: 'ESEMLOCKED' }),
  'app/opossum:ETIMEDOUT': () => make({ code: 'ETIMEDOUT', message: 'Timed out after 10ms' }),
  'app/RetryBudgetExhausted (reason, not a class)': () => make({ name: 'RetryBudgetExhausted' }),
  'app/DeadlineExceededError': () => make({ name: 'DeadlineExceededError' }),
  'app/TimeoutError': () =>
    make({ name: 'TimeoutError', code: 'ETIMEDOUT', isTaskCancelledError: true }),
  'app/ECIRCUITOPEN:isolated': () =>
    make({ code: 'ECIRCUITOPEN', isBrokenCircuitError: true, isIsolatedCircuitError: true }),
  'app/non-Error thrown': () => 'a string',
};

function make({ message = 'something failed', ...fields }: Extra): Error {
  return Object.assign(new Error(message), fields);
}

/** An error whose class has a name, but whose `name` nobody set. */
function unnamed(className: string): Error {
  const classes = { [className]: class extends Error {} };
  const Class = classes[className];
  return Class === undefined ? new Error() : new Class('something failed');
}

function gemini(status: number, name: string, details: readonly unknown[]): Error {
  return make({
    name: 'ApiError',
    status,
    message: JSON.stringify({ error: { code: status, status: name, details } }),
  });
}

function problem(name: string): string {
  return `https://iana.org/assignments/http-problem-types#${name}`;
}
