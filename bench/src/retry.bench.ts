import { exponential, hedge, retry } from '@fournines/retry';
import * as cockatiel from 'cockatiel';
import * as cockatiel3 from 'cockatiel-3';
import { Effect } from 'effect';
import * as mollitia from 'mollitia';
import pRetry from 'p-retry';
import { type Batch, measureBatch } from './batch.ts';
import type { Report, Topic } from './harness.ts';

const bare = async (): Promise<number> => 1;

const ours = retry();
const unlimited = retry({ budget: false });
const watching = retry({ isFailure: (value) => value === 500 });
const hedged = hedge({ idempotent: true, delay: 1_000 });
const theirs = cockatiel.retry(cockatiel.handleAll, { maxAttempts: 2 });
const theirs3 = cockatiel3.retry(cockatiel3.handleAll, { maxAttempts: 2 });
const circuit = new mollitia.Circuit({
  options: { modules: [new mollitia.Retry({ attempts: 2 })] },
});
const effect = Effect.tryPromise(bare).pipe(Effect.retry({ times: 2 }));

const refused = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
/** Fails four times, then goes well; each time after a turn of the microtask queue. */
const failing = (): (() => Promise<number>) => {
  let calls = 0;
  return async () => {
    await Promise.resolve();
    calls += 1;
    if (calls % 5 !== 0) throw refused;
    return 1;
  };
};
const loop = async (fn: () => Promise<number>): Promise<number> => {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await fn();
    } catch (error) {
      if (attempt === 4) throw error;
    }
  }
};
const fallible = {
  bare: failing(),
  ours: failing(),
  plain: failing(),
  theirs: failing(),
  theirs3: failing(),
  pRetry: failing(),
  mollitia: failing(),
  effect: failing(),
};
const patient = retry({ maxAttempts: 5, budget: false, backoff: exponential({ initial: 0 }) });
const classified = retry({
  maxAttempts: 5,
  budget: false,
  backoff: exponential({ initial: 0 }),
  handle: cockatiel.handleAll,
});
const theirPatient = cockatiel.retry(cockatiel.handleAll, {
  maxAttempts: 4,
  backoff: new cockatiel.ConstantBackoff(0),
});

const theirPatient3 = cockatiel3.retry(cockatiel3.handleAll, {
  maxAttempts: 4,
  backoff: new cockatiel3.ConstantBackoff(0),
});
const patientCircuit = new mollitia.Circuit({
  options: { modules: [new mollitia.Retry({ attempts: 4, interval: 0 })] },
});
const patientEffect = Effect.tryPromise(fallible.effect).pipe(Effect.retry({ times: 4 }));

/** Makes a peer's sleep of 0 ms cost nothing: it would be a millisecond. Everybody pays for the swap. */
const withoutSleep = async (call: () => PromiseLike<unknown>): Promise<unknown> => {
  const { setTimeout } = globalThis;
  const immediate = (fn: () => void): unknown => {
    queueMicrotask(fn);
    return { unref: () => {} };
  };
  globalThis.setTimeout = immediate as typeof setTimeout;
  try {
    return await call();
  } finally {
    globalThis.setTimeout = setTimeout;
  }
};

/** The first try goes well; four fail before one does. */
export const topics: readonly Topic[] = [
  {
    name: 'retry, first try goes well',
    bare,
    subjects: [
      { name: 'cockatiel 4', call: () => theirs.execute(bare) },
      { name: 'cockatiel 3', call: () => theirs3.execute(bare) },
      { name: 'fournines', call: () => ours.execute(bare) },
      { name: 'fournines, no budget', call: () => unlimited.execute(bare) },
      { name: 'fournines, isFailure', call: () => watching.execute(bare) },
      { name: 'fournines hedge, fixed delay', call: () => hedged.execute(bare) },
      { name: 'p-retry', call: () => pRetry(bare, { retries: 2 }) },
      { name: 'mollitia', call: () => circuit.fn(bare).execute() },
      { name: 'Effect', call: () => Effect.runPromise(effect) },
    ],
  },
  {
    name: 'retry, four attempts fail, sleeps made free',
    bare: () => withoutSleep(() => loop(fallible.bare)),
    calls: 2_000,
    subjects: [
      {
        name: 'cockatiel 4',
        call: () => withoutSleep(() => theirPatient.execute(fallible.theirs)),
      },
      {
        name: 'cockatiel 3',
        call: () => withoutSleep(() => theirPatient3.execute(fallible.theirs3)),
      },
      { name: 'fournines', call: () => withoutSleep(() => patient.execute(fallible.ours)) },
      {
        name: 'fournines, handleAll',
        call: () => withoutSleep(() => classified.execute(fallible.plain)),
      },
      {
        name: 'p-retry',
        call: () => withoutSleep(() => pRetry(fallible.pRetry, { retries: 4, minTimeout: 0 })),
      },
      {
        name: 'mollitia',
        call: () => withoutSleep(() => patientCircuit.fn(fallible.mollitia).execute()),
      },
      { name: 'Effect', call: () => withoutSleep(() => Effect.runPromise(patientEffect)) },
    ],
  },
];

const short = {
  ours: retry({ maxAttempts: 5, budget: false, backoff: exponential({ initial: 2 }) }),
  theirs: cockatiel.retry(cockatiel.handleAll, {
    maxAttempts: 4,
    backoff: new cockatiel.ExponentialBackoff({ initialDelay: 2 }),
  }),
  theirs3: cockatiel3.retry(cockatiel3.handleAll, {
    maxAttempts: 4,
    backoff: new cockatiel3.ExponentialBackoff({ initialDelay: 2 }),
  }),
};

const failingBatch = (
  name: string,
  policies: Record<'ours' | 'theirs' | 'theirs3', { execute: typeof loop }>,
): Batch => ({
  name: `retry, four attempts fail, ${name}`,
  calls: 2_000,
  subjects: [
    { name: 'a loop that does not sleep', call: () => loop(failing()) },
    { name: 'cockatiel 4', call: () => policies.theirs.execute(failing()) },
    { name: 'cockatiel 3', call: () => policies.theirs3.execute(failing()) },
    { name: 'fournines', call: () => policies.ours.execute(failing()) },
  ],
});

/** With the timers that users have. */
export const reports: readonly Report[] = [
  failingBatch('no delay', { ours: patient, theirs: theirPatient, theirs3: theirPatient3 }),
  failingBatch('2 ms and doubled', short),
].map((batch) => ({ run: () => measureBatch(batch) }));
