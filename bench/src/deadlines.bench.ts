import { systemClock } from '@fournines/core';
import { type DeadlineBucket, type DeadlineNode, DeadlineQueue } from '@fournines/core/authoring';
import type { Topic } from './harness.ts';

/** How many wait while one more comes and one goes. */
const CROWD = 100_000;
const HOUR = 3_600_000;

class Node implements DeadlineNode {
  readonly expiresAt: number;
  queueNext: DeadlineNode | undefined = undefined;
  queuePrevious: DeadlineNode | undefined = undefined;
  queueBucket: DeadlineBucket | undefined = undefined;

  constructor(expiresAt: number) {
    this.expiresAt = expiresAt;
  }

  expire(): void {}
}

/** The same random numbers for everybody. */
const chances = Float64Array.from({ length: 65_536 }, Math.random);
const random = (): number => 1 + (chances[(next += 1) % chances.length] ?? 0);
const equal = (): number => 1;
let next = 0;

/** Replaces one of a crowd, in the order in which they came or in any. */
const replace = <N>(
  add: (ms: number) => N,
  remove: (node: N) => void,
  factor: () => number,
): (() => void) => {
  const crowd: N[] = [];
  let oldest = 0;
  return () => {
    while (crowd.length < CROWD) crowd.push(add(HOUR * factor()));
    oldest = (oldest + 1) % CROWD;
    const which = factor === equal ? oldest : Math.floor(CROWD * (random() - 1));
    const gone = crowd[which];
    if (gone !== undefined) remove(gone);
    crowd[which] = add(HOUR * factor());
  };
};

const nothing = (factor: () => number): (() => void) =>
  replace(
    (ms) => new Node(performance.now() + ms),
    () => {},
    factor,
  );
const queued = (factor: () => number): (() => void) => {
  const queue = new DeadlineQueue(systemClock, { unref: true });
  return replace(
    (ms) => {
      const node = new Node(performance.now() + ms);
      queue.add(node);
      return node;
    },
    (node) => queue.remove(node),
    factor,
  );
};
const timers = (factor: () => number): (() => void) =>
  replace((ms) => setTimeout(() => {}, ms).unref(), clearTimeout, factor);

/** A deadline that comes and one that goes, beside 100 000 others. */
export const topics: readonly Topic[] = [
  {
    name: `deadlines, all of the same duration, beside ${CROWD}`,
    bare: nothing(equal),
    subjects: [
      { name: 'setTimeout, clearTimeout', call: timers(equal) },
      { name: 'fournines', call: queued(equal) },
    ],
  },
  {
    name: `deadlines, each of another duration, beside ${CROWD}`,
    bare: nothing(random),
    rounds: 21,
    subjects: [
      // Node keeps a list for each whole millisecond: hardly two of these share one.
      { name: 'setTimeout, clearTimeout', call: timers(random) },
      { name: 'fournines', call: queued(random) },
    ],
  },
];
