import type { Attempt } from './attempt.ts';

/**
 * The context of an attempt: looks and spreads like a plain object with own properties, but makes
 * its signal only when that is read. A proxy costs 5 ns more than the bare record; an own accessor
 * would cost 70, an eager signal 20 and 250 bytes. An accessor on a prototype would be lost in
 * `{ ...context }`, which is how cockatiel's `wrap` hands contexts on.
 */
export function contextOf(attempt: Attempt): object {
  return new Proxy(attempt, handler);
}

function read(attempt: Attempt, field: string | symbol): unknown {
  switch (field) {
    case 'signal':
      return attempt.signal;
    case 'deadline':
      return attempt.deadline ?? foreign(attempt, field);
    case 'attempt':
      return attempt.pipeline.repeats ? attempt.number : foreign(attempt, field);
    default:
      return foreign(attempt, field);
  }
}

/** What a policy that is not ours, further out, put into the context; else what every object has. */
function foreign(attempt: Attempt, field: string | symbol): unknown {
  return Reflect.get(attempt.extra ?? Object.prototype, field);
}

function fieldsOf(attempt: Attempt): (string | symbol)[] {
  const fields = new Set<string | symbol>(['signal']);
  if (attempt.deadline !== undefined) fields.add('deadline');
  if (attempt.pipeline.repeats) fields.add('attempt');
  for (const field of Reflect.ownKeys(attempt.extra ?? {})) fields.add(field);
  return [...fields];
}

const handler: ProxyHandler<Attempt> = {
  get: (attempt, field) => read(attempt, field),
  has: (attempt, field) => fieldsOf(attempt).includes(field) || field in Object.prototype,
  ownKeys: (attempt) => fieldsOf(attempt),
  getOwnPropertyDescriptor(attempt, field) {
    if (!fieldsOf(attempt).includes(field)) return undefined;
    return { value: read(attempt, field), writable: false, enumerable: true, configurable: true };
  },
  getPrototypeOf: () => Object.prototype,
  set: () => false,
  defineProperty: () => false,
  deleteProperty: () => false,
  setPrototypeOf: () => false,
  // Frozen, the record behind the context could not answer for it any more.
  preventExtensions: () => false,
};
