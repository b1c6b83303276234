import { setMaxListeners } from 'node:events';
import { timeout, timeouts } from '@fournines/timeout';
import * as cockatiel from 'cockatiel';
import * as cockatiel3 from 'cockatiel-3';
import { Effect } from 'effect';
import * as mollitia from 'mollitia';
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
const theirs3 = cockatiel3.timeout(DURATION, cockatiel3.TimeoutStrategy.Aggressive);
const circuit = new mollitia.Circuit({
  options: { modules: [new mollitia.Timeout({ delay: DURATION })] },
});
const effect = Effect.tryPromise(bare).pipe(Effect.timeout(DURATION));
const readingEffect = Effect.tryPromise((signal) => read({ signal })).pipe(
  Effect.timeout(DURATION),
);
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
const theirs3Long = cockatiel3
  .timeout(LONG, cockatiel3.TimeoutStrategy.Aggressive)
  .dangerouslyUnref();

/** A call that ends in time: the usual case. */
export const topics: readonly Topic[] = [
  {
    name: 'timeout, in time, the signal not read',
    bare,
    subjects: [
      { name: 'cockatiel 4, aggressive', call: () => theirs.execute(bare) },
      { name: 'cockatiel 3, aggressive', call: () => theirs3.execute(bare) },
      { name: 'fournines', call: () => ours.execute(bare) },
      { name: 'fournines, cooperative', call: () => cooperative.execute(bare) },
      { name: 'fournines, named', call: () => named.for('HTTP_REQUEST').execute(bare) },
      { name: 'p-timeout', call: () => pTimeout(bare(), { milliseconds: DURATION }) },
      { name: 'opossum', call: () => breaker.fire() },
      { name: 'mollitia', call: () => circuit.fn(bare).execute() },
      { name: 'Effect', call: () => Effect.runPromise(effect) },
    ],
  },
  {
    name: 'timeout, in time, the signal read',
    bare,
    subjects: [
      { name: 'cockatiel 4, aggressive', call: () => theirs.execute(read) },
      { name: 'cockatiel 3, aggressive', call: () => theirs3.execute(read) },
      { name: 'fournines', call: () => ours.execute(read) },
      { name: 'Effect', call: () => Effect.runPromise(readingEffect) },
    ],
  },
  {
    name: `timeout, in time, ${CROWD} in flight under one parent signal`,
    bare,
    calls: 500,
    rounds: 21,
    subjects: [
      {
        name: 'cockatiel 4, aggressive',
        call: crowded((fn, signal) => theirsLong.execute(fn, signal)),
      },
      {
        name: 'cockatiel 3, aggressive',
        call: crowded((fn, signal) => theirs3Long.execute(fn, signal)),
      },
      { name: 'fournines', call: crowded((fn, signal) => oursLong.execute(fn, signal)) },
    ],
  },
];
