import { table, type ErrorTable } from '../internal/table.ts';

/** GRPC status codes. Notes and references of each row: `error-codes.json`. */
export const grpcErrors: ErrorTable = /* @__PURE__ */ table('grpc', [
  ['1', 'CANCELLED', 'cancelled', 'low', 'no', false, 499],
  ['2', 'UNKNOWN', 'internal', 'high', 'if-idempotent', true, 502],
  ['3', 'INVALID_ARGUMENT', 'validation', 'low', 'no', false, 400],
  ['4', 'DEADLINE_EXCEEDED', 'timeout', 'high', 'if-idempotent', true, 504],
  ['5', 'NOT_FOUND', 'not-found', 'low', 'no', false, 404],
  ['6', 'ALREADY_EXISTS', 'conflict', 'low', 'no', false, 409],
  ['7', 'PERMISSION_DENIED', 'authorization', 'medium', 'no', false, 403],
  ['8', 'RESOURCE_EXHAUSTED', 'rate-limit', 'medium', 'no', false, 503, true],
  ['9', 'FAILED_PRECONDITION', 'conflict', 'low', 'no', false, 409],
  ['10', 'ABORTED', 'contention', 'low', 'yes', false, 409],
  ['11', 'OUT_OF_RANGE', 'validation', 'low', 'no', false, 400],
  ['12', 'UNIMPLEMENTED', 'configuration', 'high', 'no', false, 501],
  ['13', 'INTERNAL', 'internal', 'high', 'if-idempotent', true, 502],
  ['14', 'UNAVAILABLE', 'unavailable', 'high', 'if-idempotent', true, 503, true],
  ['15', 'DATA_LOSS', 'internal', 'critical', 'no', true, 500],
  ['16', 'UNAUTHENTICATED', 'authentication', 'high', 'no', false, 401],
]);
