import { table, type ErrorTable } from '../internal/table.ts';

/** Fetch. Notes and references of each row: `error-codes.json`. */
export const fetchErrors: ErrorTable = /* @__PURE__ */ table('fetch', [
  ['TypeError:fetch failed', 'wrapper', 'unknown', 'medium', 'no', false, 502],
  [
    'TypeError:terminated',
    'body cut after headers',
    'network',
    'medium',
    'if-idempotent',
    true,
    502,
  ],
  [
    'TypeError:fetch failed <- bad port/unknown scheme',
    'blocked URL',
    'bug',
    'medium',
    'no',
    false,
    500,
  ],
  [
    'TypeError:fetch failed <- redirect count exceeded',
    'redirected for ever',
    'internal',
    'medium',
    'no',
    true,
    502,
  ],
  ['AbortError', 'DOMException code 20 (number)', 'cancelled', 'low', 'no', false, 499],
  [
    'TimeoutError',
    'DOMException code 23 (number)',
    'timeout',
    'medium',
    'if-idempotent',
    true,
    504,
  ],
  ['AggregateError', 'several attempts failed', 'unknown', 'medium', 'no', false, 503],
]);
