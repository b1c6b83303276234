import { timeout } from '@fournines/timeout';
import * as cockatiel from 'cockatiel';
import Opossum from 'opossum';
import pTimeout from 'p-timeout';
import type { Topic } from './harness.ts';

const bare = async (): Promise<number> => 1;

const ours = timeout(30_000);
const theirs = cockatiel.timeout(30_000, cockatiel.TimeoutStrategy.Aggressive);
const quiet = cockatiel.timeout(30_000, {
  strategy: cockatiel.TimeoutStrategy.Aggressive,
  abortOnReturn: false,
});
const opossum = new Opossum(bare, { timeout: 30_000 });
const shared = new AbortController().signal;

/** A call in time. */
export const topics: readonly Topic[] = [
  {
    name: 'timeout of 30 s, the call is in time',
    bare,
    subjects: [
      { name: 'cockatiel', call: () => theirs.execute(bare) },
      { name: 'cockatiel, abortOnReturn: false', call: () => quiet.execute(bare) },
      { name: 'fournines', call: () => ours.execute(bare) },
      {
        name: 'fournines, signal read',
        call: () => ours.execute(({ signal }) => (signal.aborted ? 0 : bare())),
      },
      { name: 'fournines, caller’s signal', call: () => ours.execute(bare, shared) },
      { name: 'opossum (with its breaker)', call: () => opossum.fire() },
      { name: 'p-timeout', call: () => pTimeout(bare(), { milliseconds: 30_000 }) },
    ],
  },
];
