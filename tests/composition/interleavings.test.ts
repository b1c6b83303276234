import { type Clock, compose } from '@fournines/core';
import { exponential, hedge, retry } from '@fournines/retry';
import { timeout } from '@fournines/timeout';
import { expect, test } from 'vitest';
import { INTERLEAVINGS, explore } from '../../packages/retry/test/explore.ts';

const MAX_ATTEMPTS = 3;

const retryOn = (clock: Clock, random: () => number) =>
  retry({
    clock,
    random,
    budget: false,
    maxAttempts: MAX_ATTEMPTS,
    isFailure: (value) => typeof value === 'object' && random() < 0.5,
    backoff: exponential({ initial: 10, jitter: 'full' }),
    idempotent: true,
    minAttemptTime: 2,
  });

test('retry settles every interleaving once with a timeout for each attempt and one in total', async () => {
  const policyOn = (clock: Clock, random: () => number) =>
    compose(
      timeout({ duration: 60, clock }),
      retryOn(clock, random),
      timeout({ duration: 15, clock }),
    );
  await expect(explore(4, policyOn, MAX_ATTEMPTS)).resolves.toBe(INTERLEAVINGS);
}, 20_000);

test('so it does with timeouts that wait for the callee, and with a hedge between', async () => {
  const policyOn = (clock: Clock, random: () => number) =>
    compose(
      timeout({ duration: 60, grace: 10, clock }),
      retryOn(clock, random),
      hedge({ idempotent: true, clock, budget: false, delay: 5 }),
      timeout({ duration: 15, mode: 'cooperative', clock }),
    );
  await expect(explore(5, policyOn, 2 * MAX_ATTEMPTS)).resolves.toBe(INTERLEAVINGS);
}, 20_000);
