import { headerOf } from '../retry-after.ts';
import { type Fields, fieldsOf, text } from '../internal/fields.ts';
import { retryDelayOf } from '../internal/retry-info.ts';
import type { Adjustment, Source } from '../internal/source.ts';
import type { ErrorRow } from '../internal/table.ts';
import { grpcErrors } from '../tables/grpc.ts';

/** gRPC: grpc-js, gax and Connect. */
export const grpc: Source = {
  tables: [grpcErrors],
  byCode: () => false,
  match: (error) => (isGrpc(error) ? statusKey(error) : undefined),
  adjust,
};

/** For errors that are known to come from a gRPC client. */
export const grpcOnly: Source = { ...grpc, match: statusKey };

function statusKey(error: Fields): string | undefined {
  const { code } = error;
  return typeof code === 'number' && Number.isInteger(code) && code >= 1 && code <= 16
    ? String(code)
    : undefined;
}

/** A number alone proves nothing: DOMException and child processes number their errors, too. */
function isGrpc(error: Fields): boolean {
  if (typeof error.code !== 'number') return false;
  if (
    error.metadata !== undefined ||
    error.rawMessage !== undefined ||
    error.name === 'ConnectError'
  )
    return true;
  return new RegExp(`^${error.code} [A-Z_]+: `).test(text(error.message));
}

/** Pushback (gRFC A6): negative, or not a number, is "do not retry"; RetryInfo makes an exhausted resource retryable. */
function adjust(error: Fields, row: ErrorRow): Adjustment | undefined {
  const { metadata } = error;
  const pushback = headerOf(metadata, 'grpc-retry-pushback-ms');
  if (pushback !== undefined) {
    return /^\d{1,10}$/.test(pushback) ? { retryAfterMs: Number(pushback) } : { retryable: 'no' };
  }
  const retryAfterMs =
    retryDelayOf(error.statusDetails ?? error.details) ?? retryDelayOf(binaryStatus(metadata));
  if (retryAfterMs === undefined) return undefined;
  return { retryAfterMs, ...(row.code === '8' && { retryable: 'yes' as const }) };
}

/** grpc-js keeps google.rpc.Status as bytes in the trailers. */
function binaryStatus(metadata: unknown): unknown {
  const get: unknown = Reflect.get(fieldsOf(metadata), 'get');
  if (typeof get !== 'function') return undefined;
  const values: unknown = Reflect.apply(get, metadata, ['grpc-status-details-bin']);
  return Array.isArray(values) ? values[0] : values;
}
