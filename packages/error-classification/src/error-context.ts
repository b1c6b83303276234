import { causes } from './causes.ts';
import type {
  Category,
  Classification,
  Classifier,
  Retryable,
  Severity,
} from './classification.ts';
import { classify as defaultClassify } from './classify.ts';
import { fieldsOf, isObject, nameOf, readable, text, type Fields } from './internal/fields.ts';
import { redactText, redactValue } from './internal/redact.ts';
import { headersOf } from './internal/response.ts';
import { headerOf } from './retry-after.ts';

/** What is read of a component: a breaker, a cache, anything with a name and a snapshot. */
export interface ContextComponent {
  /** What it is: `circuit-breaker`, `cache`, … */
  readonly kind: string;
  /** Its name. */
  readonly name: string;
  /** Its state. */
  snapshot(): {
    /** `up`, `degraded` or `down`. */
    readonly status: string;
    /** Its own state, where it has one. */
    readonly state?: string;
    /** Values that go up and down. */
    readonly gauges?: Readonly<Record<string, number>>;
  };
}

/** Options of {@link errorContext}. */
export interface ErrorContextOptions {
  /** Ids that tie the error to a request or trace (`requestId`, `traceId`, …); default those that the error carries. */
  readonly ids?: Readonly<Record<string, string | undefined>>;
  /** Whatever else is worth logging; secrets are taken out. Default none. */
  readonly attributes?: Readonly<Record<string, unknown>>;
  /** Breakers, caches and the like, whose state is written beside the error; default none. */
  readonly components?: Iterable<ContextComponent>;
  /** Whether stacks are written; default true. */
  readonly stack?: boolean;
  /** Longest text in characters, 16 or more; default 2 000. `RangeError` otherwise. */
  readonly maxLength?: number;
  /** Default: `classify`. */
  readonly classify?: Classifier;
  /** The caller's signal: aborted, it makes the error `cancelled`. Default none. */
  readonly signal?: AbortSignal;
}

/** One error of the chain, as it is logged. */
export interface LoggedError {
  /** Its class. */
  readonly name: string;
  /** Its message, without secrets. */
  readonly message: string;
  /** Its own code. */
  readonly code?: string | number;
  /** Its HTTP status. */
  readonly status?: number;
  /** Where in the system it happened. */
  readonly syscall?: string;
}

/** Everything worth logging about an error, as plain JSON. */
export interface ErrorContext extends LoggedError {
  /** What kind of failure it is. */
  readonly category: Category;
  /** How much a human should care. */
  readonly severity: Severity;
  /** Whether a second try is safe and may help. */
  readonly retryable: Retryable;
  /** Whether its dependency is to blame. */
  readonly breakerFailure: boolean;
  /** What our own service answers. */
  readonly httpStatus: number;
  /** How long to wait, in milliseconds. */
  readonly retryAfterMs?: number;
  /** The row that matched, as `source/code`. */
  readonly matched?: string;
  /** Ids that tie the error to a request or trace. */
  readonly ids?: Readonly<Record<string, string>>;
  /** What stands behind it, outermost first, ten at most. */
  readonly causes?: readonly LoggedError[];
  /** The state of the components given, by name. */
  readonly components?: readonly Readonly<Record<string, unknown>>[];
  /** What the caller added. */
  readonly attributes?: unknown;
  /** The stack, without secrets. */
  readonly stack?: string;
}

const REQUEST_ID_HEADERS = [
  'x-request-id',
  'request-id',
  'x-correlation-id',
  'x-amzn-requestid',
  'traceparent',
];
const MAX_CAUSES = 10;

/**
 * Everything worth logging about an error, as plain JSON for pino, console or any other log: classification, ids, the
 * chain of causes, the state of breakers and caches. Secrets are taken out: passwords in URLs, authorization headers,
 * tokens, cookies, keys. Never throws for what an error does; a bad option throws.
 */
export function errorContext(error: unknown, options: ErrorContextOptions = {}): ErrorContext {
  const {
    maxLength = 2_000,
    stack = true,
    classify = defaultClassify,
    ids,
    attributes,
    components,
    signal,
  } = options;
  if (!Number.isInteger(maxLength) || maxLength < 16) {
    throw new RangeError(
      `errorContext: maxLength must be an integer >= 16, got ${String(maxLength)}`,
    );
  }
  const classification = classify(error, signal);
  const [, ...behind] = causes(error);
  const fields = isObject(error) ? readable(error) : {};
  const foundIds = { ...idsOf(fields, maxLength), ...definedIds(ids, maxLength) };
  const states =
    components === undefined ? [] : [...components].map((component) => stateOf(component));
  return {
    ...logged(error, maxLength),
    ...meaning(classification),
    ...(Object.keys(foundIds).length > 0 && { ids: foundIds }),
    ...(behind.length > 0 && {
      causes: behind.slice(0, MAX_CAUSES).map((cause) => logged(cause, maxLength)),
    }),
    ...(states.length > 0 && { components: states }),
    ...(attributes !== undefined && { attributes: redactValue(attributes, maxLength) }),
    ...(stack &&
      typeof fields.stack === 'string' && { stack: redactText(fields.stack, maxLength * 4) }),
  };
}

function meaning(classification: Classification): Omit<ErrorContext, keyof LoggedError> {
  const { category, severity, retryable, breakerFailure, httpStatus, retryAfterMs, source, code } =
    classification;
  return {
    category,
    severity,
    retryable,
    breakerFailure,
    httpStatus,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ...(source !== undefined && code !== undefined && { matched: `${source}/${code}` }),
  };
}

function logged(error: unknown, maxLength: number): LoggedError {
  if (!isObject(error))
    return { name: typeof error, message: redactText(describe(error), maxLength) };
  const fields = readable(error);
  const { code, status = fields.statusCode, syscall } = fields;
  return {
    name: redactText(nameOf(fields), 100) || 'Object',
    message: redactText(text(fields.message), maxLength),
    ...((typeof code === 'string' || typeof code === 'number') && {
      code: typeof code === 'string' ? redactText(code, 100) : code,
    }),
    ...(typeof status === 'number' && { status }),
    ...(typeof syscall === 'string' && { syscall: redactText(syscall, 100) }),
  };
}

function describe(value: unknown): string {
  return typeof value === 'symbol' ? value.toString() : String(value);
}

/** The ids that SDKs put on their errors and servers into their headers. */
function idsOf(fields: Fields, maxLength: number): Record<string, string> {
  const found: Record<string, string> = {};
  const own = text(fields.requestID) || text(fields.request_id);
  if (own !== '') found['upstreamRequestId'] = redactText(own, maxLength);
  try {
    const headers = headersOf(fields) ?? headersOf(fieldsOf(fields.response));
    for (const name of REQUEST_ID_HEADERS) {
      const value = headerOf(headers, name);
      if (value !== undefined && value !== '') found[name] = redactText(value, 200);
    }
  } catch {
    // Headers that cannot be read have no ids.
  }
  return found;
}

function definedIds(ids: ErrorContextOptions['ids'], maxLength: number): Record<string, string> {
  const defined: Record<string, string> = {};
  for (const [name, value] of Object.entries(ids ?? {})) {
    if (typeof value === 'string') defined[name] = redactText(value, maxLength);
  }
  return defined;
}

function stateOf(component: ContextComponent): Readonly<Record<string, unknown>> {
  const { kind, name } = component;
  try {
    const { status, state, gauges } = component.snapshot();
    return {
      kind,
      name,
      status,
      ...(state !== undefined && { state }),
      ...(gauges !== undefined && { gauges: { ...gauges } }),
    };
  } catch {
    return { kind, name, status: 'unknown' };
  }
}
