import { type Fields, fieldsOf, nameOf, text } from '../internal/fields.ts';
import { headersOf, statusOf } from '../internal/response.ts';
import { served } from '../internal/served.ts';
import type { Source } from '../internal/source.ts';
import { headerOf } from '../retry-after.ts';
import { xErrors } from '../tables/x.ts';

const KEYS = new Set(xErrors.map((row) => row.code));
const STATUSES = new Set(['429', '420', '503', '409']);
const HOST = /(?:^|\/\/|\.)(?:api\.)?(?:x|twitter)\.com(?:[/:]|$)/;
const PROBLEM = /(?:twitter|x)\.com\/2(\/problems\/[a-z-]+)/;

/** The X API: v2 problem types, v1.1 numbers, and the statuses that mean something of their own. */
export const x: Source = {
  tables: [xErrors],
  byCode: () => false,
  match(error) {
    const key = bodyKey(error);
    if (key !== undefined) return key;
    return isFromX(error) ? statusKey(error) : undefined;
  },
  adjust: served,
};

/** For errors that are known to come from X. */
export const xOnly: Source = {
  ...x,
  match: (error) => bodyKey(error) ?? numericKey(error) ?? statusKey(error),
};

/** The problem or number that the body names; it says more than the status. */
function bodyKey(error: Fields): string | undefined {
  return (
    problemKey(error.type) ??
    fromBody(error.data) ??
    fromBody(error.body) ??
    fromBody(fieldsOf(error.response).data) ??
    fromErrors(error.errors)
  );
}

function fromBody(body: unknown): string | undefined {
  const fields = fieldsOf(body);
  return problemKey(fields.type) ?? fromErrors(fields.errors);
}

function fromErrors(errors: unknown): string | undefined {
  if (!Array.isArray(errors)) return undefined;
  const first = fieldsOf(errors[0]);
  return problemKey(first.type) ?? (first.stack === undefined ? numericKey(first) : undefined);
}

function problemKey(type: unknown): string | undefined {
  const path = PROBLEM.exec(text(type))?.[1];
  return path !== undefined && KEYS.has(path) ? path : undefined;
}

/** v1.1: `{ code: 88, message: 'Rate limit exceeded' }`. */
function numericKey(error: Fields): string | undefined {
  const { code } = error;
  return typeof code === 'number' && KEYS.has(String(code)) && typeof error.message === 'string'
    ? String(code)
    : undefined;
}

function statusKey(error: Fields): string | undefined {
  const status = statusOf(error) ?? (typeof error.code === 'number' ? error.code : undefined);
  return status !== undefined && STATUSES.has(String(status)) ? String(status) : undefined;
}

/** By address, by X's own spelling of its headers (`x-rate-limit-`, with two hyphens), or as twitter-api-v2's class. */
function isFromX(error: Fields): boolean {
  const response = fieldsOf(error.response);
  const config = fieldsOf(error.config);
  if ([error.url, response.url, config.url, config.baseURL].some((url) => HOST.test(text(url))))
    return true;
  if (nameOf(error) === 'ApiResponseError') return true;
  return (
    statusOf(error) !== undefined && headerOf(headersOf(error), 'x-rate-limit-reset') !== undefined
  );
}
