import { fieldsOf } from './fields.ts';

const TYPE = 'google.rpc.RetryInfo';

/**
 * The delay of a google.rpc.RetryInfo in milliseconds. It comes as JSON (`'34.4s'`, in a list of details, alone or
 * inside a body), as gax decodes it (`{ seconds, nanos }`), or as the bytes of a google.rpc.Status in gRPC trailers.
 */
export function retryDelayOf(value: unknown): number | undefined {
  if (value instanceof Uint8Array) return fromBytes(value);
  return fromJson(value, 0);
}

function fromJson(value: unknown, depth: number): number | undefined {
  if (typeof value !== 'object' || value === null || depth > 4) return undefined;
  if (Array.isArray(value)) {
    for (const item of value.slice(0, 32)) {
      const delay = fromJson(item, depth + 1);
      if (delay !== undefined) return delay;
    }
    return undefined;
  }
  const { error, details, retryDelay } = value as {
    error?: unknown;
    details?: unknown;
    retryDelay?: unknown;
  };
  return duration(retryDelay) ?? fromJson(details, depth + 1) ?? fromJson(error, depth + 1);
}

function duration(value: unknown): number | undefined {
  if (typeof value === 'string') {
    const match = /^(\d{1,12}(?:\.\d{1,9})?)s$/.exec(value);
    return match === null ? undefined : Number(match[1]) * 1_000;
  }
  const { seconds, nanos } = fieldsOf(value) as { seconds?: unknown; nanos?: unknown };
  if (seconds === undefined && nanos === undefined) return undefined;
  const millis = Number(seconds ?? 0) * 1_000 + Number(nanos ?? 0) / 1e6;
  return Number.isFinite(millis) && millis >= 0 ? millis : undefined;
}

/** google.rpc.Status { repeated Any details = 3 }, Any { type_url = 1, value = 2 }, RetryInfo { Duration retry_delay = 1 }. */
function fromBytes(bytes: Uint8Array): number | undefined {
  for (const detail of messages(bytes, 3)) {
    const [type] = messages(detail, 1);
    if (type === undefined || !new TextDecoder().decode(type).endsWith(TYPE)) continue;
    const [info] = messages(detail, 2);
    const [delay] = info === undefined ? [] : messages(info, 1);
    if (delay === undefined) continue;
    const [seconds = 0, nanos = 0] = [number(delay, 1), number(delay, 2)];
    const millis = seconds * 1_000 + nanos / 1e6;
    return millis >= 0 ? millis : undefined;
  }
  return undefined;
}

function messages(bytes: Uint8Array, wanted: number): Uint8Array[] {
  return [...fields(bytes)].flatMap(({ field, value }) =>
    field === wanted && typeof value !== 'number' ? [value] : [],
  );
}

function number(bytes: Uint8Array, wanted: number): number | undefined {
  for (const { field, value } of fields(bytes))
    if (field === wanted && typeof value === 'number') return value;
  return undefined;
}

/** Protocol buffers' wire format; whatever is cut off or unknown ends the reading. */
function* fields(bytes: Uint8Array): Generator<{ field: number; value: number | Uint8Array }> {
  let at = 0;
  const varint = (): number => {
    let result = 0;
    for (let scale = 1; at < bytes.length && scale < 2 ** 63; scale *= 128) {
      const byte = bytes[at++] ?? 0;
      result += (byte & 127) * scale;
      if (byte < 128) return result;
    }
    return NaN;
  };
  while (at < bytes.length) {
    const tag = varint();
    const wire = tag % 8;
    if (wire === 0) {
      yield { field: Math.floor(tag / 8), value: varint() };
    } else if (wire === 2) {
      const length = varint();
      if (!(at + length <= bytes.length)) return;
      yield { field: Math.floor(tag / 8), value: bytes.subarray(at, (at += length)) };
    } else {
      return;
    }
  }
}
