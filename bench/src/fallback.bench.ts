import { compose, fallback } from '@fournines/core';
import * as cockatiel from 'cockatiel';
import type { Topic } from './harness.ts';

const bare = async (): Promise<number> => 1;
const fail = async (): Promise<number> => {
  throw failure;
};
const failure = new Error('down');

const ours = fallback(() => true, 0);
const chain = compose(fallback(() => true, 0));
const theirs = cockatiel.fallback(cockatiel.handleAll, 0);

/** A fallback that is not needed, and one that is. */
export const topics: readonly Topic[] = [
  {
    name: 'fallback, success',
    bare,
    subjects: [
      { name: 'fournines', call: () => ours.execute(bare) },
      { name: 'fournines in compose', call: () => chain.execute(bare) },
      { name: 'cockatiel', call: () => theirs.execute(bare) },
    ],
  },
  {
    name: 'fallback, used',
    bare: async () => {
      try {
        return await fail();
      } catch {
        return 0;
      }
    },
    subjects: [
      { name: 'fournines', call: () => ours.execute(fail) },
      { name: 'cockatiel', call: () => theirs.execute(fail) },
    ],
  },
];
