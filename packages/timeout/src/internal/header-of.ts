/** Headers in any of their forms: fetch's `Headers`, a Node request's `headers`, a plain record. */
export type HeadersLike = HeadersWithGet | Readonly<Record<string, unknown>>;

/** What is needed of fetch's `Headers`. */
export interface HeadersWithGet {
  /** The header's value, whatever the case of its name; null when it is absent. */
  get(name: string): string | null | undefined;
}

/**
 * A header's value, trimmed; undefined when it is absent, or was sent more than once.
 *
 * @param name The header's name in lower case.
 */
export function headerOf(headers: HeadersLike, name: string): string | undefined {
  if (typeof headers.get === 'function') return textOf(headers.get(name));
  const record = headers as Readonly<Record<string, unknown>>;
  if (record[name] !== undefined) return textOf(record[name]);
  const key = Object.keys(record).find((candidate) => candidate.toLowerCase() === name);
  return key === undefined ? undefined : textOf(record[key]);
}

function textOf(value: unknown): string | undefined {
  if (Array.isArray(value)) return value.length === 1 ? textOf(value[0]) : undefined;
  return typeof value === 'string' ? value.trim() : undefined;
}
