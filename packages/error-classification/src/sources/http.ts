import { type Fields, text } from '../internal/fields.ts';
import { headersOf, statusOf } from '../internal/response.ts';
import { served } from '../internal/served.ts';
import type { Source } from '../internal/source.ts';
import { headerOf } from '../retry-after.ts';
import { httpErrors } from '../tables/http.ts';

/** IANA's registry of HTTP problem types; `about:blank#…` and the registry's own address are both in use. */
const PROBLEM = /#(quota-exceeded|temporary-reduced-capacity|abnormal-usage-detected)$/;

/** HTTP by status, RFC 9457 by type, axios by code. */
export const http: Source = {
  tables: [httpErrors],
  byCode: () => false,
  aliases: {
    ERR_NETWORK: 'axios:ERR_NETWORK',
    ERR_CANCELED: 'axios:ERR_CANCELED',
    ERR_BAD_RESPONSE: 'axios:ERR_BAD_RESPONSE',
    ERR_BAD_REQUEST: 'axios:ERR_BAD_REQUEST',
  },
  wrappers: [
    'axios:ERR_NETWORK',
    'axios:ERR_BAD_RESPONSE',
    'axios:ERR_BAD_REQUEST',
    'problem+json',
  ],
  match(error) {
    const status = statusOf(error);
    const problem = PROBLEM.exec(text(error.type));
    if (problem !== null) return `problem:#${problem[1] ?? ''}`;
    if (status === undefined) return isProblem(error) ? 'problem+json' : undefined;
    if (status === 403 && isRateLimited(error)) return '403:retry-after';
    if (status === 413 && headerOf(headersOf(error), 'retry-after') !== undefined)
      return '413:retry-after';
    return String(status);
  },
  // RFC 9110 §15: an unrecognized status is treated as the x00 of its class.
  generalize: (key) => (/^[45]\d\d$/.test(key) ? `${key.charAt(0)}00` : undefined),
  adjust: served,
};

/** RFC 9457 without a status: only a known type says anything; the table's row says that nothing is known. */
function isProblem(error: Fields): boolean {
  return (
    headerOf(headersOf(error), 'content-type')?.startsWith('application/problem+json') === true
  );
}

function isRateLimited(error: Fields): boolean {
  const headers = headersOf(error);
  return (
    headerOf(headers, 'retry-after') !== undefined ||
    headerOf(headers, 'x-ratelimit-remaining')?.trim() === '0'
  );
}
