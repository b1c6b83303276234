/** Headers in whatever form fetch takes them. */
export type HeadersInput = ConstructorParameters<typeof Headers>[0];

/** RFC 9110 §9.2.2, and QUERY of RFC 10008. */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE', 'QUERY']);

/** Whether a request may be repeated by its method, or by its `Idempotency-Key`. */
export function isIdempotent(method: string, headers: unknown): boolean {
  return IDEMPOTENT.has(method.toUpperCase()) || hasKey(headers);
}

function hasKey(headers: unknown): boolean {
  if (headers === undefined || headers === null) return false;
  try {
    return new Headers(headers as HeadersInput).has('idempotency-key');
  } catch {
    // Headers that fetch will refuse.
    return false;
  }
}
