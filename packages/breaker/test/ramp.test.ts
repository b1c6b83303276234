import { BrokenCircuitError, compose } from '@fournines/core';
import { type ManualClock, manualClock } from '@fournines/core/testing';
import { beforeEach, describe, expect, test } from 'vitest';
import { type CircuitBreaker, type CircuitBreakerOptions, circuitBreaker } from '../src/index.ts';

let clock: ManualClock;
let chance: number;
beforeEach(() => {
  clock = manualClock();
  chance = 0;
});

const sick = (): Error => Object.assign(new Error('down'), { code: 'ECONNREFUSED' });
const breaker = (options: CircuitBreakerOptions = {}): CircuitBreaker =>
  circuitBreaker({
    name: 'db',
    clock,
    failureThreshold: 2,
    resetTimeout: 1_000,
    halfOpen: { permittedCalls: 1 },
    ramp: 1_000,
    random: () => chance,
    ...options,
  });
const succeed = (policy: CircuitBreaker): Promise<unknown> => policy.execute(() => 'ok');
const fail = (policy: CircuitBreaker): Promise<unknown> =>
  policy.execute(() => Promise.reject(sick())).catch((thrown: unknown) => thrown);
/** A circuit that has just closed. */
const ramping = async (options: CircuitBreakerOptions = {}): Promise<CircuitBreaker> => {
  const policy = breaker(options);
  await fail(policy);
  await fail(policy);
  await clock.advance(policy.retryAfterMs);
  await succeed(policy);
  expect(policy.state).toBe('closed');
  return policy;
};
const admits = (policy: CircuitBreaker): boolean => {
  using permit = policy.tryAcquire();
  return permit.granted;
};

describe('a ramp', () => {
  test('refuses with an honest hint: the next call may pass', async () => {
    const policy = await ramping();
    chance = 0.5;
    const refusal = await succeed(policy).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(BrokenCircuitError);
    expect(refusal).toMatchObject({
      state: 'half-open',
      retryAfterMs: 0,
      message: 'db: the circuit is half-open: traffic is coming back, the next call may pass',
    });
    expect(policy.retryAfterMs).toBe(0);
    chance = 0;
    await expect(succeed(policy)).resolves.toBe('ok');
  });

  test('is ended by configure({ ramp: 0 }), at once', async () => {
    const policy = await ramping({ ramp: 60_000 });
    chance = 0.99;
    expect(admits(policy)).toBe(false);
    policy.configure({ ramp: 0 });
    expect(admits(policy)).toBe(true);
    expect(policy.history.at(-1)?.to).toBe('closed');
  });

  test('keeps its length when another one is configured', async () => {
    const policy = await ramping();
    await clock.advance(500);
    policy.configure({ ramp: 100_000 });
    chance = 0.49;
    expect(admits(policy)).toBe(true);
    chance = 0.51;
    expect(admits(policy)).toBe(false);
    await clock.advance(500);
    expect(admits(policy)).toBe(true);
  });

  test('configure({ ramp: 0 }) lets nobody into an isolated circuit', async () => {
    const policy = await ramping();
    policy.isolate();
    policy.configure({ ramp: 0 });
    expect(admits(policy)).toBe(false);
  });

  test('that fails is one more opening without recovery; one that is over begins the count anew', async () => {
    const attempts: number[] = [];
    const policy = await ramping({
      resetTimeout: ({ attempt }) => {
        attempts.push(attempt);
        return 1_000;
      },
    });
    await fail(policy);
    expect(policy.lastTrip?.rule).toBe('ramp');
    await clock.advance(1_000);
    await succeed(policy);
    await clock.advance(1_000);
    await succeed(policy);
    await fail(policy);
    await fail(policy);
    expect(attempts).toEqual([0, 1, 0]);
  });

  test('is over by time: its rule holds no outcome of later against the circuit, though no call came since', async () => {
    const attempts: number[] = [];
    const policy = await ramping({
      failureThreshold: 5,
      failureRateThreshold: 0.9,
      minimumCalls: 2,
      resetTimeout: ({ attempt }) => {
        attempts.push(attempt);
        return 1_000;
      },
    });
    const permits = [1, 2, 3].map(() => policy.tryAcquire());
    await clock.advance(1_000);
    const [first, second, third] = permits;
    if (first?.granted) first.success();
    if (second?.granted) second.failure(sick());
    expect(policy.state).toBe('closed');
    if (third?.granted) third.failure(sick());
    expect(policy.state).toBe('closed');

    const exported = await ramping();
    await clock.advance(999);
    expect(exported.toJSON().openings).toBe(1);
    await clock.advance(1);
    expect(exported.toJSON().openings).toBe(0);

    const asked = await ramping({ openOn: ({ ok }) => (ok ? undefined : 700) });
    const late = asked.tryAcquire();
    await clock.advance(1_000);
    if (late.granted) late.failure(sick());
    expect(asked.history.at(-1)?.reason).toBe('tripped');
  });

  test('is broken off by calls that hang', async () => {
    const policy = await ramping({ slowCallDuration: 100, minimumCalls: 2, ramp: 60_000 });
    for (let i = 0; i < 2; i++) void policy.execute(() => new Promise(() => {}));
    await clock.advance(100);
    await expect(succeed(policy)).rejects.toMatchObject({ state: 'open' });
    expect(policy.history.at(-1)?.reason).toBe('reopened');
  });
});

test('a call that may not be a probe is told to come back when the probes have decided', async () => {
  const isProbe = (call: { key?: string }): boolean => call.key !== 'payment';
  const ask = (policy: CircuitBreaker): Promise<unknown> =>
    policy.execute(() => 1, { key: 'payment' });
  const policy = breaker({ isProbe, ramp: 0, halfOpen: { permittedCalls: 4 } });
  await fail(policy);
  await fail(policy);
  await clock.advance(1_000);
  await expect(ask(policy)).rejects.toMatchObject({ state: 'open', retryAfterMs: 1_000 });
  await succeed(policy);
  await expect(ask(policy)).rejects.toMatchObject({
    state: 'half-open',
    retryAfterMs: 1_000,
    message: 'db: the circuit is half-open: this call may not be a probe',
  });
  for (const [halfOpen, waitMs] of [
    [{ maxWait: 250 }, 250],
    [{ maxWait: Infinity }, 30_000],
  ] as const) {
    const other = breaker({ isProbe, halfOpen });
    await fail(other);
    await fail(other);
    await clock.advance(1_000);
    await expect(ask(other)).rejects.toMatchObject({ retryAfterMs: waitMs });
  }
});

test('a circuit that has recovered blames nothing of before', async () => {
  const policy = await ramping({ ramp: 0 });
  using _held = policy.isolate('deploy');
  const refusal = await succeed(policy).catch((error: unknown) => error);
  expect(refusal).toMatchObject({ state: 'isolated' });
  expect((refusal as Error).cause).toBeUndefined();
  await expect(compose(policy).execute(() => 1)).rejects.toThrow('deploy');
});
