import { type Fields, readable } from './fields.ts';

/** What can be read of a hostile object, from most to least: a copy of its fields, then those that hold no object. */
export function readings(error: object): readonly Fields[] {
  const copy = readable(error);
  const plain = Object.entries(copy).filter(
    // A cause is looked at in its own turn, not here.
    ([name, value]) =>
      name === 'cause' || (typeof value !== 'object' && typeof value !== 'function'),
  );
  return [copy, Object.fromEntries(plain)];
}

/** The answer from the first reading that does not throw: what a field holds may be as hostile as the object. */
export function firstReading<T>(
  tries: readonly Fields[],
  read: (fields: Fields) => T,
): T | undefined {
  for (const fields of tries) {
    try {
      return read(fields);
    } catch {
      // The next reading has less in it that could throw.
    }
  }
  return undefined;
}

/** The items of a list, up to one that cannot be read. */
export function* readableItems(list: readonly unknown[]): Generator<unknown, void, undefined> {
  for (let index = 0; ; index++) {
    let item: unknown;
    try {
      if (index >= list.length) return;
      item = list[index];
    } catch {
      return;
    }
    yield item;
  }
}
