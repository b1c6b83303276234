/**
 * Every property that a matcher may read. Errors come from other realms, other packages and JSON, so nothing is
 * known of them but that they are objects: each field is `unknown` and checked where it is read.
 */
export interface Fields {
  readonly code?: unknown;
  readonly name?: unknown;
  readonly message?: unknown;
  readonly cause?: unknown;
  readonly errors?: unknown;
  readonly status?: unknown;
  readonly statusCode?: unknown;
  readonly response?: unknown;
  readonly headers?: unknown;
  readonly responseHeaders?: unknown;
  readonly syscall?: unknown;
  readonly socket?: unknown;
  readonly bytesWritten?: unknown;
  readonly constructor?: unknown;
  readonly stack?: unknown;
  readonly sqlState?: unknown;
  readonly errorCode?: unknown;
  readonly originalCode?: unknown;
  readonly kind?: unknown;
  readonly meta?: unknown;
  readonly driverAdapterError?: unknown;
  readonly transient?: unknown;
  readonly driverError?: unknown;
  readonly original?: unknown;
  readonly originalError?: unknown;
  readonly lastNodeError?: unknown;
  readonly suppressed?: unknown;
  readonly errorIndexes?: unknown;
  readonly replies?: unknown;
  readonly error?: unknown;
  readonly type?: unknown;
  readonly data?: unknown;
  readonly body?: unknown;
  readonly details?: unknown;
  readonly error_code?: unknown;
  readonly errorDetails?: unknown;
  readonly statusDetails?: unknown;
  readonly metadata?: unknown;
  readonly rawMessage?: unknown;
  readonly requestID?: unknown;
  readonly request_id?: unknown;
  readonly url?: unknown;
  readonly config?: unknown;
  readonly baseURL?: unknown;
  readonly rateLimit?: unknown;
  readonly retryAfterMs?: unknown;
  readonly state?: unknown;
  readonly isBrokenCircuitError?: unknown;
  readonly isIsolatedCircuitError?: unknown;
  readonly isHydratingCircuitError?: unknown;
  readonly isBulkheadRejectedError?: unknown;
  readonly isTaskCancelledError?: unknown;
}

const NAMES: readonly (keyof Fields)[] = [
  'code',
  'name',
  'message',
  'cause',
  'errors',
  'status',
  'statusCode',
  'response',
  'headers',
  'responseHeaders',
  'syscall',
  'socket',
  'bytesWritten',
  'constructor',
  'stack',
  'sqlState',
  'errorCode',
  'originalCode',
  'kind',
  'meta',
  'driverAdapterError',
  'transient',
  'driverError',
  'original',
  'originalError',
  'lastNodeError',
  'suppressed',
  'errorIndexes',
  'replies',
  'error',
  'type',
  'data',
  'body',
  'details',
  'error_code',
  'errorDetails',
  'statusDetails',
  'metadata',
  'rawMessage',
  'requestID',
  'request_id',
  'url',
  'config',
  'baseURL',
  'rateLimit',
  'retryAfterMs',
  'state',
  'isBrokenCircuitError',
  'isIsolatedCircuitError',
  'isHydratingCircuitError',
  'isBulkheadRejectedError',
  'isTaskCancelledError',
];

const NOTHING: Fields = Object.freeze({});

/** An object's fields, or none where the value is not an object. */
export function fieldsOf(value: unknown): Fields {
  return isObject(value) ? value : NOTHING;
}

/** Whether a value can have fields at all. */
export function isObject(value: unknown): value is Fields & object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

/** A string as it is, anything else as ''. */
export function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** The name that tells most: the error's own, or its class where the library never set one (node-redis, openai). */
export function nameOf(error: Fields): string {
  const name = text(error.name);
  if (name !== '' && name !== 'Error') return name;
  return text(fieldsOf(error.constructor).name) || name;
}

/** A plain copy of whatever can be read of a hostile object: a getter or a proxy trap that throws leaves its field out. */
export function readable(error: object): Fields {
  const copy: Record<string, unknown> = {};
  for (const name of NAMES) {
    try {
      const value: unknown = (error as Fields)[name];
      if (value !== undefined) copy[name] = value;
    } catch {
      // Left out: what cannot be read says nothing.
    }
  }
  return copy;
}
