import type { Classifier } from './classification.ts';
import { engine } from './internal/engine.ts';
import { xOnly } from './sources/x.ts';

export type {
  Category,
  Classification,
  Classifier,
  Retryable,
  Severity,
} from './classification.ts';
export type { ErrorRow, ErrorTable } from './internal/table.ts';
export { xErrors } from './tables/x.ts';

/** As `classify`, for the X API alone: no other table is loaded. */
export const classifyX: Classifier = /* @__PURE__ */ engine([xOnly]);
