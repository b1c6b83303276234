import { innerOf, MAX_DEPTH } from './internal/chain.ts';
import { isObject, readable, type Fields } from './internal/fields.ts';
import { readableItems } from './internal/readings.ts';

/**
 * The error and everything behind it, outermost first: causes, the members of aggregates, and what ORMs keep in
 * `original` or `driverError`. Ten deep, each error once, so a cycle ends. Never throws.
 */
export function* causes(error: unknown): Generator<unknown, void, undefined> {
  const seen = new Set<unknown>();
  const queue: { value: unknown; depth: number }[] = [{ value: error, depth: 0 }];
  for (const { value, depth } of queue) {
    if (seen.has(value)) continue;
    seen.add(value);
    yield value;
    if (depth === MAX_DEPTH || !isObject(value)) continue;
    const fields: Fields = readable(value);
    const inner = innerOf(fields);
    if (inner !== undefined && inner !== null) queue.push({ value: inner, depth: depth + 1 });
    if (!Array.isArray(fields.errors)) continue;
    for (const member of readableItems(fields.errors))
      queue.push({ value: member, depth: depth + 1 });
  }
}
