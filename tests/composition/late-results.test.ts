import { type Clock, compose } from '@fournines/core';
import { manualClock } from '@fournines/core/testing';
import { exponential, hedge, retry } from '@fournines/retry';
import { timeout } from '@fournines/timeout';
import { wrap } from 'cockatiel';
import { expect, test } from 'vitest';

/** A pool whose connects take their time, whether or not somebody still waits. */
function slowPool(clock: Clock): { connect(): Promise<AsyncDisposable>; readonly open: number } {
  let open = 0;
  return {
    connect: () => {
      const client = { [Symbol.asyncDispose]: async () => void (open -= 1) };
      return new Promise((resolve) => {
        clock.setTimeout(() => {
          open += 1;
          resolve(client);
        }, 20);
      });
    },
    get open() {
      return open;
    },
  };
}

test.each(['compose', 'wrap'])(
  'what a hedge’s loser still gets is let go of, under the timeout of its attempt too: %s',
  async (how) => {
    const clock = manualClock();
    const pool = slowPool(clock);
    const policies = [
      hedge({ idempotent: true, delay: 5, budget: false, clock }),
      timeout({ duration: 1_000, clock }),
    ] as const;
    const policy = how === 'compose' ? compose(...policies) : wrap(...policies);
    const calls = Array.from({ length: 20 }, () => policy.execute(() => pool.connect()));
    await clock.advance(100);
    await Promise.all(calls);
    expect(pool.open).toBe(20);
  },
);

test('what an attempt gets after its time was up is let go of', async () => {
  const clock = manualClock();
  const pool = slowPool(clock);
  const policy = compose(
    retry({ idempotent: true, maxAttempts: 3, backoff: exponential({ initial: 1 }), clock }),
    timeout({ duration: 10, clock }),
  );
  const call = policy.execute(() => pool.connect()).catch((error: unknown) => error);
  await clock.advance(100);
  await expect(call).resolves.toMatchObject({ code: 'ETIMEDOUT', durationMs: 10 });
  expect(pool.open).toBe(0);
});

test.each([
  ['a hedge alone', (clock: Clock) => hedge({ idempotent: true, delay: 5, budget: false, clock })],
  [
    'a hedge around a timeout',
    (clock: Clock) =>
      compose(
        hedge({ idempotent: true, delay: 5, budget: false, clock }),
        timeout({ duration: 1_000, clock }),
      ),
  ],
])('what both attempts come to is the caller’s, and not let go of: %s', async (_name, make) => {
  const clock = manualClock();
  const pool = slowPool(clock);
  const shared = pool.connect();
  const call = make(clock).execute(() => shared);
  await clock.advance(100);
  await expect(call).resolves.toBe(await shared);
  expect(pool.open).toBe(1);
});
