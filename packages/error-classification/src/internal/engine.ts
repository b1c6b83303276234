import type { Classification, Classifier } from '../classification.ts';
import { answer, answerSafely } from './answer.ts';
import { callerGone } from './caller-gone.ts';
import { catalog, type Entry, type Overrides } from './catalog.ts';
import { innerOf, MAX_DEPTH, membersOf } from './chain.ts';
import { combine } from './combine.ts';
import { type Fields, isObject } from './fields.ts';
import { entryFinder } from './find-entry.ts';
import { firstReading, readableItems, readings } from './readings.ts';
import { firstAnswer, type GuardedRule } from './rules.ts';
import type { Source } from './source.ts';
import { unknown } from './unknown.ts';

/** Members of aggregates looked at per call: aggregates nest, and may contain themselves. */
const MAX_MEMBERS = 256;

/** What a user adds to the table. */
export interface EngineOptions {
  /** Asked at every cause, before the table. */
  readonly rules?: readonly GuardedRule[];
  /** Rows that mean something else, and rows that the table lacks. */
  readonly overrides?: Overrides;
  /** Where dates in headers are measured from. */
  readonly now?: () => number;
}

/** Shared by all aggregates of one call. */
interface Quota {
  left: number;
}

/** Builds a classifier over some sources: walks from an error through its causes until a row matches. */
export function engine(sources: readonly Source[], options: EngineOptions = {}): Classifier {
  const { rules = [], overrides, now = Date.now } = options;
  const find = entryFinder(catalog(sources, overrides));

  function classify(error: unknown, signal?: AbortSignal): Classification {
    if (signal !== undefined) {
      const gone = callerGone(error, signal);
      if (gone !== undefined) return gone;
    }
    return walk(error, 0, undefined, rules) ?? unknown(error);
  }

  function walk(
    error: unknown,
    start: number,
    quota: Quota | undefined,
    active: readonly GuardedRule[],
  ): Classification | undefined {
    let node = error;
    let weak: Entry | undefined;
    let weakNode: unknown;
    let depth = start;
    for (; depth <= MAX_DEPTH && isObject(node); depth++) {
      let entry: Entry | undefined;
      let members: readonly unknown[] | undefined;
      let next: unknown;
      if (active.length > 0) {
        const override = firstAnswer(active, node);
        if (override !== undefined)
          return { ...(walk(node, depth, quota, []) ?? unknown(node)), ...override, error: node };
      }
      try {
        entry = find(node);
        members = membersOf(node);
        if (members === undefined && entry !== undefined && !entry.wrapper)
          return answer(entry, node, node, now);
        next = nextOf(entry, node);
      } catch {
        // A getter or a proxy trap threw: look again at what can be read.
        const tries = readings(node);
        const again = firstReading(tries, find);
        entry = again;
        members = firstReading(tries, membersOf);
        if (members === undefined && again !== undefined && !again.wrapper)
          return answerSafely(again, node, now);
        next = firstReading(tries, (fields) => nextOf(again, fields));
      }
      if (members !== undefined) {
        const combined = combine(
          classifyEach(members, depth, quota ?? { left: MAX_MEMBERS }, active),
        );
        if (combined !== undefined) return combined;
      }
      if (
        entry !== undefined &&
        (weak === undefined ||
          (weak.row.category === 'unknown' && entry.row.category !== 'unknown'))
      ) {
        weak = entry;
        weakNode = node;
      }
      node = next;
    }
    return weak === undefined ? undefined : answerSafely(weak, weakNode, now);
  }

  function classifyEach(
    members: readonly unknown[],
    depth: number,
    quota: Quota,
    active: readonly GuardedRule[],
  ): readonly Classification[] {
    const found: Classification[] = [];
    for (const member of readableItems(members)) {
      if (quota.left-- <= 0) break;
      found.push(walk(member, depth + 1, quota, active) ?? unknown(member));
    }
    return found;
  }

  return classify;
}

/** Where a source knows the error that its wrapper hides, that one; else its cause. */
function nextOf(entry: Entry | undefined, error: Fields): unknown {
  const hidden = entry?.inner?.(error);
  return hidden === undefined ? innerOf(error) : hidden;
}
