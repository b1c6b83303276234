/** What fetch reads of an init, undici's `dispatcher` included, and what is ours. */
const MEMBERS = [
  'method',
  'headers',
  'body',
  'referrer',
  'referrerPolicy',
  'mode',
  'credentials',
  'cache',
  'redirect',
  'integrity',
  'keepalive',
  'signal',
  'duplex',
  'priority',
  'window',
  'dispatcher',
  'idempotent',
  'idle',
] as const;

/**
 * An init as a plain object with headers that can be read for each attempt. Fetch reads members by
 * name, wherever they are: a `Request`, or an object of a class, is an init too.
 *
 * @throws TypeError when it is no object.
 */
export function plainInit<T extends object>(init: T | null | undefined): T {
  if (init === undefined || init === null) return {} as T;
  if (typeof init !== 'object' && typeof init !== 'function') {
    throw new TypeError(`resilientFetch: init must be an object, got ${typeof init}`);
  }
  const plain: Record<string, unknown> = isPlain(init) ? { ...(init as object) } : membersOf(init);
  if (isOneShot(plain['headers'])) plain['headers'] = [...plain['headers']];
  return plain as T;
}

function isPlain(init: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(init);
  return prototype === Object.prototype || prototype === null;
}

function membersOf(init: object): Record<string, unknown> {
  const all = init as Readonly<Record<string, unknown>>;
  const given = MEMBERS.map((member): [string, unknown] => [member, all[member]]);
  return Object.fromEntries(given.filter(([, value]) => value !== undefined));
}

/** An iterator: what reads it uses it up. */
function isOneShot(headers: unknown): headers is Iterable<unknown> {
  if (typeof headers !== 'object' || headers === null) return false;
  return Symbol.iterator in headers && 'next' in headers;
}
