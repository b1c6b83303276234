import { isResilienceError } from '@fournines/core';
import { isAbortError, refusalCode } from '@fournines/core/authoring';

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
 * room. A short structural rule; an application that classifies gives its own `isOverload`. Never
 * throws: a field that cannot be read is not there.
 */
export function isOverload(error: unknown): boolean {
  let current = error;
  for (let depth = 0; depth <= DEEPEST; depth++) {
    if (isRefusal(current)) return false;
    // What was aborted further out is not asked about: this abort is a timeout further in.
    if (isAbortError(current)) return true;
    if (fieldOf(current, 'name') === 'TimeoutError') return true;
    // The timeout of cockatiel.
    if (fieldOf(current, 'isTaskCancelledError') === true) return true;
    if (CODES.has(fieldOf(current, 'code'))) return true;
    if (STATUSES.has(fieldOf(current, 'status'))) return true;
    if (STATUSES.has(fieldOf(current, 'statusCode'))) return true;
    if (STATUSES.has(fieldOf(fieldOf(current, 'response'), 'status'))) return true;
    current = fieldOf(current, 'cause');
    if (current === undefined) return false;
  }
  return false;
}

/** Whether a policy further in, of ours or of cockatiel's, did not let the call go on: the callee says nothing by it. */
export function isRefusal(error: unknown): boolean {
  if (refusalCode(error) !== undefined) return true;
  return isResilienceError(error) && fieldOf(error, 'code') !== 'ETIMEDOUT';
}

/** Whether an abort says that the callee took too long: a timeout of ours, further out. */
export function isOwnTimeout(reason: unknown): boolean {
  return isResilienceError(reason) && fieldOf(reason, 'code') === 'ETIMEDOUT';
}

/** A field of what somebody threw: getters and proxies may throw in turn. */
function fieldOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  try {
    return (value as Readonly<Record<string, unknown>>)[name];
  } catch {
    return undefined;
  }
}
