import type { Classifier } from './classification.ts';
import { engine } from './internal/engine.ts';
import { pg } from './sources/pg.ts';

export type {
  Category,
  Classification,
  Classifier,
  Retryable,
  Severity,
} from './classification.ts';
export type { ErrorRow, ErrorTable } from './internal/table.ts';
export { pgErrors } from './tables/pg.ts';
export { pgbouncerErrors } from './tables/pgbouncer.ts';
export { pgClientErrors } from './tables/pg-client.ts';

/** As `classify`, for PostgreSQL, PgBouncer and node-postgres alone: no other table is loaded. */
export const classifyPg: Classifier = /* @__PURE__ */ engine([pg]);
