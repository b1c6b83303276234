import { type Fields, fieldsOf, nameOf, text } from '../internal/fields.ts';
import type { Source } from '../internal/source.ts';
import { fetchErrors } from '../tables/fetch.ts';
import { undiciErrors } from '../tables/undici.ts';

const WRAPPER = 'TypeError:fetch failed';
const BLOCKED = 'TypeError:fetch failed <- bad port/unknown scheme';
const REDIRECTED = 'TypeError:fetch failed <- redirect count exceeded';
/** undici's reasons to refuse a URL: plain errors without a code. */
const REFUSED = /^(?:bad port|unknown scheme)$|scheme (?:is not supported|must be)|^URL scheme/;

/** undici and the global fetch. */
export const fetchSource: Source = {
  tables: [undiciErrors, fetchErrors],
  byCode: (key) => key.startsWith('UND_ERR_'),
  wrappers: [
    'UND_ERR_REQ_RETRY',
    'UND_ERR_RESPONSE',
    WRAPPER,
    'TypeError:terminated',
    'AbortError',
    'TimeoutError',
    'AggregateError',
  ],
  refine: {
    UND_ERR_SOCKET: (error) =>
      fieldsOf(error.socket).bytesWritten === 0 ? 'UND_ERR_SOCKET:unsent' : undefined,
  },
  match(error) {
    if (error.code === 'HPE_HEADER_OVERFLOW') return 'UND_ERR_HEADERS_OVERFLOW';
    // Node 26 gives HTTPParserError no code.
    if (error.name === 'HTTPParserError' || text(error.code).startsWith('HPE_')) return 'HPE_*';
    if (error.name !== 'TypeError') return undefined;
    if (error.message === 'terminated') return 'TypeError:terminated';
    if (error.message !== 'fetch failed') return undefined;
    const cause = fieldsOf(error.cause);
    if (cause.message === 'redirect count exceeded') return REDIRECTED;
    return isRefusal(cause) ? BLOCKED : WRAPPER;
  },
  weak(error) {
    const name = nameOf(error);
    return name === 'AbortError' || name === 'TimeoutError' || name === 'AggregateError'
      ? name
      : undefined;
  },
};

function isRefusal(cause: Fields): boolean {
  return cause.code === undefined && REFUSED.test(text(cause.message));
}
