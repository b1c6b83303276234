import { manualClock } from '@fournines/core/testing';
import { expect, test } from 'vitest';
import { type CircuitBreaker, circuitBreaker } from '../src/index.ts';

/** Rules that other libraries hold by a test, and that no other file here names. */

const sick = (): Error => Object.assign(new Error('down'), { code: 'ECONNREFUSED' });
const fail = (policy: CircuitBreaker): Promise<unknown> =>
  policy.execute(() => Promise.reject(sick())).catch(() => {});
const succeed = (policy: CircuitBreaker): Promise<unknown> => policy.execute(() => 'ok');

test('one may be isolated from birth, before any call (Polly 29)', async () => {
  const policy = circuitBreaker({ clock: manualClock() });
  const held = policy.isolate('not yet');
  expect([policy.state, policy.retryAfterMs]).toEqual(['isolated', Infinity]);
  await expect(succeed(policy)).rejects.toMatchObject({ isIsolatedCircuitError: true });
  expect(policy.history.map(({ from, to }) => `${from}>${to}`)).toEqual(['closed>isolated']);
  held.dispose();
  await expect(succeed(policy)).resolves.toBe('ok');
});

test('equal options change nothing: window, break and probes go on (Sentinel 42)', async () => {
  const clock = manualClock();
  const options = {
    failureThreshold: 3,
    failureRateThreshold: 0.5,
    minimumCalls: 4,
    slidingWindow: { duration: 10_000, buckets: 5 },
    slowCallDuration: 1_000,
    resetTimeout: 1_000,
    halfOpen: { permittedCalls: 2 },
  };
  const policy = circuitBreaker({ ...options, clock });
  await fail(policy);
  await fail(policy);
  policy.configure({ ...options });
  expect(policy.snapshot().gauges.failureRate).toBe(1);
  await fail(policy);
  expect([policy.state, policy.lastTrip?.failures]).toEqual(['open', { unavailable: 3 }]);
  await clock.advance(400);
  policy.configure({ ...options });
  expect(policy.retryAfterMs).toBe(600);
  await clock.advance(600);
  await succeed(policy);
  policy.configure({ ...options });
  expect(policy.state).toBe('half-open');
  await succeed(policy);
  expect(policy.state).toBe('closed');
});

test('minimumCalls and failureThreshold do not concern the probes (opossum 47)', async () => {
  const clock = manualClock();
  const policy = circuitBreaker({
    failureThreshold: 10,
    minimumCalls: 100,
    resetTimeout: 1_000,
    halfOpen: { permittedCalls: 1 },
    clock,
  });
  for (let i = 0; i < 10; i++) await fail(policy);
  await clock.advance(1_000);
  await fail(policy);
  expect([policy.state, policy.lastTrip?.rule]).toEqual(['open', 'half-open']);
  await clock.advance(1_000);
  await succeed(policy);
  expect(policy.state).toBe('closed');
});

test('several jobs that fail after a recovery open it once (opossum 47)', async () => {
  const clock = manualClock();
  const policy = circuitBreaker({
    failureThreshold: 1,
    resetTimeout: 1_000,
    halfOpen: { permittedCalls: 1 },
    clock,
  });
  await fail(policy);
  await clock.advance(1_000);
  await succeed(policy);
  await Promise.all([fail(policy), fail(policy), fail(policy)]);
  expect(policy.snapshot().counts).toMatchObject({ trips: 2, late: 2 });
  expect(policy.retryAfterMs).toBe(1_000);
});
