import type { Classifier } from './classification.ts';
import { engine } from './internal/engine.ts';
import { fetchSource } from './sources/fetch.ts';
import { http } from './sources/http.ts';

export type {
  Category,
  Classification,
  Classifier,
  Retryable,
  Severity,
} from './classification.ts';
export type { ErrorRow, ErrorTable } from './internal/table.ts';
export { httpErrors } from './tables/http.ts';
export { undiciErrors } from './tables/undici.ts';
export { fetchErrors } from './tables/fetch.ts';

/** As `classify`, for HTTP statuses, problem types, undici and fetch alone: no other table is loaded. */
export const classifyHttp: Classifier = /* @__PURE__ */ engine([fetchSource, http]);
