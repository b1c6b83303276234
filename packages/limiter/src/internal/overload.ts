import { isResilienceError } from '@fournines/core';

/** How deep a chain of causes is followed. */
const DEEPEST = 4;

/** HTTP: too many requests, unavailable, gateway timeout, "overloaded" of several APIs. */
const STATUSES: ReadonlySet<unknown> = new Set([429, 503, 504, 529]);

/** Time that ran out, and servers that say they have no room. */
const CODES: ReadonlySet<unknown> = new Set([
  'ETIMEDOUT',
  'ESOCKETTIMEDOUT',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  // PostgreSQL: too many connections, out of memory, query cancelled by its timeout.
  '53300',
  '53200',
  '57014',
  // gRPC: DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED.
  4,
  8,
]);

/**
 * Whether an error says that the callee is overloaded: time ran out, or it refused for want of
 * room. A short structural rule; an application that classifies gives its own `isOverload`.
 */
export function isOverload(error: unknown): boolean {
  let current = error;
  for (let depth = 0; depth <= DEEPEST; depth++) {
    if (typeof current !== 'object' || current === null) return false;
    const { name, code, status, statusCode, response, cause } = current as Readonly<
      Record<string, unknown>
    >;
    if (name === 'TimeoutError' || CODES.has(code)) return true;
    if (STATUSES.has(status) || STATUSES.has(statusCode)) return true;
    if (typeof response === 'object' && response !== null) {
      if (STATUSES.has((response as { readonly status?: unknown }).status)) return true;
    }
    current = cause;
  }
  return false;
}

/** Whether a policy of ours refused to start the call: the callee never saw it. */
export function isOwnRefusal(error: unknown): boolean {
  return isResilienceError(error) && error.code !== 'ETIMEDOUT';
}

/** Whether an abort says that the callee took too long: a timeout of ours, further out. */
export function isOwnTimeout(reason: unknown): boolean {
  return isResilienceError(reason) && reason.code === 'ETIMEDOUT';
}
