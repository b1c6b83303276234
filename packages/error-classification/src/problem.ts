import { isApplicationError } from './application-errors.ts';
import type { Category, Classification, Retryable } from './classification.ts';
import { isKnownCode } from './internal/known-code.ts';

/** RFC 9457 problem details, ready for `application/problem+json`. */
export interface ProblemDetails {
  /** A URI that names the kind of problem; `about:blank` when the status says it all. */
  readonly type: string;
  /** The kind of problem in words, the same every time. */
  readonly title: string;
  /** The HTTP status, 400..599. */
  readonly status: number;
  /** What happened this time; only ever the application's own words. */
  readonly detail?: string;
  /** A URI of this occurrence; only when given. */
  readonly instance?: string;
  /** The code of the table; absent where the key is some library's message. */
  readonly code?: string;
  /** What kind of failure it is. */
  readonly category: Category;
  /** Whether a second try is safe and may help. */
  readonly retryable: Retryable;
  /** Seconds until a second try makes sense, rounded up: the value of `Retry-After`. */
  readonly retryAfter?: number;
  /** Whatever else was given. */
  readonly [extension: string]: unknown;
}

/** What the caller of {@link toProblem} may add or replace: any member of the problem, and members of its own. */
export interface ProblemExtra {
  /** Default `about:blank`. */
  readonly type?: string;
  /** Default: by the status. */
  readonly title?: string;
  /** Default: the message of an application error below 500, else none. */
  readonly detail?: string;
  /** Default none. */
  readonly instance?: string;
  /** Extension members (RFC 9457 §3.2). */
  readonly [extension: string]: unknown;
}

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  409: 'Conflict',
  412: 'Precondition Failed',
  413: 'Content Too Large',
  414: 'URI Too Long',
  415: 'Unsupported Media Type',
  416: 'Range Not Satisfiable',
  422: 'Unprocessable Content',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  451: 'Unavailable For Legal Reasons',
  499: 'Client Closed Request',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
  507: 'Insufficient Storage',
};

/**
 * Turns a classification into an RFC 9457 problem. Nothing of the error itself gets out: no message, host, stack or
 * SQL of anything upstream; only the message of an {@link ApplicationError} below 500, which was written for the client.
 */
export function toProblem(
  classification: Classification,
  extra: ProblemExtra = {},
): ProblemDetails {
  const {
    httpStatus: status,
    category,
    retryable,
    code,
    source,
    retryAfterMs,
    error,
  } = classification;
  const detail = status < 500 && isApplicationError(error) ? error.message : undefined;
  return {
    type: 'about:blank',
    title: TITLES[status] ?? (status >= 500 ? 'Server Error' : 'Request Failed'),
    status,
    ...(detail !== undefined && detail !== '' && { detail }),
    ...(code !== undefined && isKnownCode(source, code) && { code }),
    category,
    retryable,
    ...(retryAfterMs !== undefined && { retryAfter: Math.ceil(retryAfterMs / 1_000) }),
    ...extra,
  };
}

/** The headers that go with a problem: its content type, no caching, and `Retry-After` where known. */
export function problemHeaders(problem: ProblemDetails): Record<string, string> {
  return {
    'content-type': 'application/problem+json',
    'cache-control': 'no-store',
    ...(problem.retryAfter !== undefined && { 'retry-after': String(problem.retryAfter) }),
  };
}
