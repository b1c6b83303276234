import type { Classifier } from './classification.ts';
import { engine } from './internal/engine.ts';
import { pg } from './sources/pg.ts';
import { prisma } from './sources/prisma.ts';

export type {
  Category,
  Classification,
  Classifier,
  Retryable,
  Severity,
} from './classification.ts';
export type { ErrorRow, ErrorTable } from './internal/table.ts';
export { prismaErrors } from './tables/prisma.ts';

/** As `classify`, for Prisma and the SQLSTATEs that it hides alone: no further table is loaded. */
export const classifyPrisma: Classifier = /* @__PURE__ */ engine([prisma, pg]);
