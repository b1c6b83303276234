import {
  adaptiveLimit,
  adaptiveThrottle,
  bulkhead,
  eventLoopLimit,
  rateLimit,
} from '@fournines/limiter';
import * as cockatiel from 'cockatiel';
import pLimit from 'p-limit';
import type { Topic } from './harness.ts';

const bare = async (): Promise<number> => 1;

const ours = bulkhead({ maxConcurrent: 100 });
const queueing = bulkhead({ maxConcurrent: 100, maxQueue: 1_000 });
const theirs = cockatiel.bulkhead(100, 1_000);
const limit = pLimit(100);
const { signal } = new AbortController();

const aimd = adaptiveLimit({ initial: 100 });
const gradient = adaptiveLimit({ algorithm: 'gradient', initial: 100 });
const throttle = adaptiveThrottle();
const rate = rateLimit({ limit: 1e9, interval: 1 });
const loop = eventLoopLimit({ maxDelay: 60_000 });

const full = bulkhead({ maxConcurrent: 1 });
full.tryAcquire();
const theirFull = cockatiel.bulkhead(1);
void theirFull.execute(() => new Promise(() => {}));
const refusal = new Error('full');

const narrow = bulkhead({ maxConcurrent: 4, maxQueue: 1_000 });
const theirNarrow = cockatiel.bulkhead(4, 1_000);
const pNarrow = pLimit(4);
const hundred = (call: () => unknown): Promise<unknown> =>
  Promise.all(Array.from({ length: 100 }, call));

const caught = async (call: () => Promise<unknown>): Promise<unknown> => {
  try {
    return await call();
  } catch (error) {
    return error;
  }
};

/** A free slot, a refusal, a hundred calls through four slots. */
export const topics: readonly Topic[] = [
  {
    name: 'limiters, admitted',
    bare,
    subjects: [
      { name: 'fournines bulkhead', call: () => ours.execute(bare) },
      { name: 'fournines bulkhead with a queue', call: () => queueing.execute(bare) },
      { name: 'fournines bulkhead, shared signal', call: () => queueing.execute(bare, signal) },
      { name: 'fournines aimd', call: () => aimd.execute(bare) },
      { name: 'fournines gradient', call: () => gradient.execute(bare) },
      { name: 'fournines throttle', call: () => throttle.execute(bare) },
      { name: 'fournines rate limit', call: () => rate.execute(bare) },
      { name: 'fournines event loop', call: () => loop.execute(bare) },
      { name: 'cockatiel bulkhead', call: () => theirs.execute(bare) },
      { name: 'p-limit', call: () => limit(bare) },
    ],
  },
  {
    name: 'bulkhead, full',
    bare: () => caught(() => Promise.reject(refusal)),
    subjects: [
      { name: 'fournines', call: () => caught(() => full.execute(bare)) },
      { name: 'cockatiel', call: () => caught(() => theirFull.execute(bare)) },
    ],
  },
  {
    name: 'bulkhead, 100 calls through 4 slots',
    bare: () => hundred(bare),
    calls: 100,
    subjects: [
      { name: 'fournines', call: () => hundred(() => narrow.execute(bare)) },
      { name: 'cockatiel', call: () => hundred(() => theirNarrow.execute(bare)) },
      { name: 'p-limit', call: () => hundred(() => pNarrow(bare)) },
    ],
  },
];
