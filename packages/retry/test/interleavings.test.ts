import { type Clock, compose } from '@fournines/core';
import { expect, test } from 'vitest';
import { exponential, hedge, retry } from '../src/index.ts';
import { INTERLEAVINGS, explore } from './explore.ts';

const MAX_ATTEMPTS = 3;
const MAX_HEDGES = 2;

const retryOn = (clock: Clock, random: () => number) =>
  retry({
    clock,
    random,
    budget: false,
    maxAttempts: MAX_ATTEMPTS,
    isFailure: (value) => typeof value === 'object' && random() < 0.5,
    backoff: exponential({ initial: 10, jitter: 'full' }),
    idempotent: true,
  });
const hedgeOn = (clock: Clock) =>
  hedge({ idempotent: true, clock, budget: false, delay: 10, maxHedges: MAX_HEDGES });

test('retry settles every interleaving once, runs nothing after an abort, leaves no rejection unhandled', async () => {
  await expect(explore(1, retryOn, MAX_ATTEMPTS)).resolves.toBe(INTERLEAVINGS);
}, 20_000);

test('so does hedge', async () => {
  await expect(explore(2, hedgeOn, 1 + MAX_HEDGES)).resolves.toBe(INTERLEAVINGS);
}, 20_000);

test('so do both together', async () => {
  const bothOn = (clock: Clock, random: () => number) =>
    compose(retryOn(clock, random), hedgeOn(clock));
  const calls = await explore(3, bothOn, MAX_ATTEMPTS * (1 + MAX_HEDGES));
  expect(calls).toBe(INTERLEAVINGS);
}, 20_000);
