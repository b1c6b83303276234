import type { Classifier } from './classification.ts';
import { engine } from './internal/engine.ts';
import { grpcOnly } from './sources/grpc.ts';

export type {
  Category,
  Classification,
  Classifier,
  Retryable,
  Severity,
} from './classification.ts';
export type { ErrorRow, ErrorTable } from './internal/table.ts';
export { grpcErrors } from './tables/grpc.ts';

/** As `classify`, for gRPC alone: no other table is loaded. */
export const classifyGrpc: Classifier = /* @__PURE__ */ engine([grpcOnly]);
