import { setMaxListeners } from 'node:events';
import { timeout, timeouts } from '@fournines/timeout';
import * as cockatiel from 'cockatiel';
import CircuitBreaker from 'opossum';
import pTimeout from 'p-timeout';
import type { Topic } from './harness.ts';

const DURATION = 10_000;

const bare = async (): Promise<number> => 1;
const read = async ({ signal }: { readonly signal: AbortSignal }): Promise<number> =>
  signal.aborted ? 0 : 1;

const ours = timeout(DURATION);
const cooperative = timeout({ duration: DURATION, mode: 'cooperative' });
const named = timeouts({}, { env: {} });
const theirs = cockatiel.timeout(DURATION, cockatiel.TimeoutStrategy.Aggressive);
/** A timeout is not to be had without its breaker. */
const breaker = new CircuitBreaker(bare, { timeout: DURATION });

/** How many calls are in flight, all under one parent signal, while one more is made. */
const CROWD = 10_000;
const LONG = 3_600_000;

/** A call beside a crowd that hangs; the crowd is there from the first call on. */
const crowded = (
  execute: (fn: () => Promise<number>, signal: AbortSignal) => PromiseLike<unknown>,
): (() => unknown) => {
  const { signal } = new AbortController();
  setMaxListeners(0, signal);
  const crowd: PromiseLike<unknown>[] = [];
  return () => {
    while (crowd.length < CROWD) crowd.push(execute(() => new Promise(() => {}), signal));
    return execute(bare, signal);
  };
};

const oursLong = timeout({ duration: LONG, unref: true });
const theirsLong = cockatiel.timeout(LONG, cockatiel.TimeoutStrategy.Aggressive).dangerouslyUnref();

/** A call that ends in time: the usual case. */
export const topics: readonly Topic[] = [
  {
    name: 'timeout, in time, the signal not read',
    bare,
    subjects: [
      { name: 'cockatiel, aggressive', call: () => theirs.execute(bare) },
      { name: 'fournines', call: () => ours.execute(bare) },
      { name: 'fournines, cooperative', call: () => cooperative.execute(bare) },
      { name: 'fournines, named', call: () => named.for('HTTP_REQUEST').execute(bare) },
      { name: 'p-timeout', call: () => pTimeout(bare(), { milliseconds: DURATION }) },
      { name: 'opossum', call: () => breaker.fire() },
    ],
  },
  {
    name: 'timeout, in time, the signal read',
    bare,
    subjects: [
      { name: 'cockatiel, aggressive', call: () => theirs.execute(read) },
      { name: 'fournines', call: () => ours.execute(read) },
    ],
  },
  {
    name: `timeout, in time, ${CROWD} in flight under one parent signal`,
    bare,
    calls: 500,
    rounds: 21,
    subjects: [
      {
        name: 'cockatiel, aggressive',
        call: crowded((fn, signal) => theirsLong.execute(fn, signal)),
      },
      { name: 'fournines', call: crowded((fn, signal) => oursLong.execute(fn, signal)) },
    ],
  },
];
