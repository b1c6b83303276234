import { type AnyPolicy, compose } from '@fournines/core';
import { manualClock } from '@fournines/core/testing';
import { bulkhead, noop, wrap } from 'cockatiel';
import { expect, test } from 'vitest';
import { type RetryBudget, exponential, hedge, retry, retryBudget } from '../src/index.ts';

const clock = manualClock();
const refused = (): Error => Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
const earned = (): RetryBudget => retryBudget({ ratio: 1, minPerSecond: 0, clock });
const retries = (budget: RetryBudget): ReturnType<typeof retry> =>
  retry({ clock, budget, maxAttempts: 10, backoff: exponential({ initial: 0 }) });
const hedges = (budget: RetryBudget): ReturnType<typeof hedge> =>
  hedge({ clock, budget, idempotent: true, delay: Infinity });

const CHAINS: [string, (budget: RetryBudget) => AnyPolicy][] = [
  ['compose(retry, hedge)', (b) => compose(retries(b), hedges(b))],
  ['wrap(retry, hedge)', (b) => wrap(retries(b), hedges(b))],
  ['wrap(retry, cockatiel, hedge)', (b) => wrap(retries(b), noop, hedges(b))],
  [
    'wrap(retry, other retry, hedge)',
    (b) => wrap(retries(b), retry({ clock, maxAttempts: 1 }), hedges(b)),
  ],
  ['compose(retry, cockatiel, hedge)', (b) => compose(retries(b), noop, hedges(b))],
  ['compose(retry, wrap(cockatiel, hedge))', (b) => compose(retries(b), wrap(noop, hedges(b)))],
  ['wrap(compose(retry), compose(hedge))', (b) => wrap(compose(retries(b)), compose(hedges(b)))],
  ['compose(hedge, retry)', (b) => compose(hedges(b), retries(b))],
];

test.each(CHAINS)('a call earns its share of a shared budget once: %s', async (_name, chain) => {
  const budget = earned();
  const policy = chain(budget);
  for (let i = 0; i < 10; i++) await policy.execute(() => 1);
  expect(budget.balance).toBe(10);
});

test.each(CHAINS)('an attempt that repeats it earns nothing: %s', async (_name, chain) => {
  const budget = earned();
  let calls = 0;
  const call = chain(budget).execute(async () => {
    calls += 1;
    throw refused();
  });
  await expect(call).rejects.toThrow('refused');
  expect([calls, budget.balance]).toEqual([2, 0]);
});

test('not even after it has waited in a queue between them', async () => {
  const budget = earned();
  const policy = compose(retries(budget), bulkhead(1, 10), hedges(budget));
  await Promise.all(Array.from({ length: 10 }, () => policy.execute(async () => 1)));
  expect(budget.balance).toBe(10);
});

test('but through the queue of a bulkhead, wrap lets nothing come that would tell', async () => {
  const budget = earned();
  const policy = wrap(retries(budget), bulkhead(1, 10), hedges(budget));
  await Promise.all(Array.from({ length: 10 }, () => policy.execute(async () => 1)));
  // All but the first have waited.
  expect(budget.balance).toBe(19);
});

test('calls beside each other earn a share each, and so does one that comes later from inside', async () => {
  const budget = earned();
  const policy = retries(budget);
  await policy.execute(async () => {
    await Promise.resolve();
    await Promise.all([policy.execute(() => 1), policy.execute(() => 2)]);
  });
  expect(budget.balance).toBe(3);
});
