import {
  type AnyPolicy,
  DeadlineExceededError,
  TimeoutError,
  compose,
  fallback,
} from '@fournines/core';
import { type ManualClock, manualClock } from '@fournines/core/testing';
import { bulkhead } from '@fournines/limiter';
import { timeout } from '@fournines/timeout';
import * as cockatiel from 'cockatiel';
import { beforeEach, describe, expect, test } from 'vitest';
import { type CircuitBreaker, type CircuitBreakerOptions, circuitBreaker } from '../src/index.ts';

let clock: ManualClock;
beforeEach(() => {
  clock = manualClock();
});

const sick = (): Error => Object.assign(new Error('down'), { code: 'ECONNREFUSED' });
const breaker = (options: CircuitBreakerOptions = {}): CircuitBreaker =>
  circuitBreaker({ name: 'db', clock, failureThreshold: 2, ...options });

const partners: readonly (readonly [string, () => AnyPolicy])[] = [
  ['retry', () => cockatiel.retry(cockatiel.handleAll, { maxAttempts: 0 })],
  ['timeout', () => cockatiel.timeout(60_000, cockatiel.TimeoutStrategy.Cooperative)],
  ['timeout, aggressive', () => cockatiel.timeout(60_000, cockatiel.TimeoutStrategy.Aggressive)],
  ['bulkhead', () => cockatiel.bulkhead(10)],
  [
    'fallback',
    () =>
      cockatiel.fallback(
        cockatiel.handleWhen(() => false),
        'never',
      ),
  ],
  [
    'circuit breaker',
    () =>
      cockatiel.circuitBreaker(cockatiel.handleAll, {
        halfOpenAfter: 1,
        breaker: new cockatiel.ConsecutiveBreaker(99),
      }),
  ],
  ['noop', () => cockatiel.noop],
];

describe.each(partners)('with cockatiel %s', (_name, partner) => {
  const orders = {
    'wrapped by it': (ours: CircuitBreaker, theirs: AnyPolicy) => cockatiel.wrap(theirs, ours),
    'around it': (ours: CircuitBreaker, theirs: AnyPolicy) => cockatiel.wrap(ours, theirs),
    'composed inside it': (ours: CircuitBreaker, theirs: AnyPolicy) => compose(theirs, ours),
    'composed around it': (ours: CircuitBreaker, theirs: AnyPolicy) => compose(ours, theirs),
  };

  test.each(Object.entries(orders))('%s', async (_order, join) => {
    const ours = breaker();
    const both = join(ours, partner());
    await expect(both.execute(({ signal }) => signal.aborted)).resolves.toBe(false);
    for (const value of [undefined, 0, '']) {
      await expect(both.execute(() => value)).resolves.toBe(value);
    }
    await expect(
      both.execute(() => {
        throw new RangeError('thrown, not rejected');
      }),
    ).rejects.toBeInstanceOf(RangeError);
    ours.reset();
    const error = sick();
    await expect(both.execute(() => Promise.reject(error))).rejects.toBe(error);
    await expect(both.execute(() => Promise.reject(error))).rejects.toBe(error);
    const refusal = await both.execute(() => 'not called').catch((thrown: unknown) => thrown);
    expect(cockatiel.isBrokenCircuitError(refusal)).toBe(true);
    expect(ours.snapshot().gauges.inFlight).toBe(0);
  });
});

test('rejections of an inner cockatiel bulkhead and breaker open nothing (60)', async () => {
  const ours = breaker({ failureThreshold: 1 });
  const chain = cockatiel.wrap(ours, cockatiel.bulkhead(1));
  const gate = Promise.withResolvers();
  const first = chain.execute(() => gate.promise);
  await expect(chain.execute(() => 1)).rejects.toBeInstanceOf(cockatiel.BulkheadRejectedError);
  gate.resolve(1);
  await first;
  const inner = cockatiel.circuitBreaker(cockatiel.handleAll, {
    halfOpenAfter: 60_000,
    breaker: new cockatiel.ConsecutiveBreaker(1),
  });
  inner.isolate();
  await expect(cockatiel.wrap(ours, inner).execute(() => 1)).rejects.toSatisfy(
    cockatiel.isBrokenCircuitError,
  );
  expect(ours.state).toBe('closed');
});

test('nested breakers work in any order (failsafe 39)', async () => {
  const outer = breaker({ name: 'outer' });
  const inner = breaker({ name: 'inner', failureThreshold: 1 });
  const chain = compose(outer, inner);
  await chain.execute(() => Promise.reject(sick())).catch(() => {});
  await expect(chain.execute(() => 1)).rejects.toMatchObject({ policy: 'inner' });
  await expect(chain.execute(() => 1)).rejects.toMatchObject({ policy: 'inner' });
  expect([outer.state, inner.state]).toEqual(['closed', 'open']);
  const answered = compose(
    fallback(() => true, 'cached'),
    chain,
  );
  await expect(answered.execute(() => 1)).resolves.toBe('cached');
});

describe('a black hole', () => {
  const hole = (): Promise<never> => new Promise(() => {});
  const flood = async (policy: AnyPolicy, ours: CircuitBreaker): Promise<number> => {
    let admitted = 0;
    const calls: Promise<unknown>[] = [];
    for (let i = 0; i < 200 && ours.state === 'closed'; i++) {
      const call = policy.execute(() => {
        admitted += 1;
        return hole();
      });
      calls.push(call.catch(() => {}));
      await clock.advance(100);
    }
    expect(ours.state).toBe('open');
    return admitted;
  };

  test('behind a timeout trips: the abort counts', async () => {
    const ours = breaker({ failureThreshold: 3 });
    const admitted = await flood(compose(timeout({ duration: 1_000, clock }), ours), ours);
    expect(admitted).toBeLessThanOrEqual(3 + 10);
    expect(ours.lastTrip?.failures).toEqual({ timeout: 3 });
  });

  test('behind a timeout trips also where the timeout is shorter than slowCallDuration', async () => {
    const ours = breaker({ failureThreshold: 3, slowCallDuration: 2_000 });
    const admitted = await flood(compose(timeout({ duration: 1_000, clock }), ours), ours);
    expect(admitted).toBeLessThanOrEqual(3 + 10);
  });

  test('around a timeout trips: its error counts', async () => {
    const ours = breaker({ failureThreshold: 3 });
    const admitted = await flood(compose(ours, timeout({ duration: 1_000, clock })), ours);
    expect(admitted).toBeLessThanOrEqual(3 + 10);
  });

  test('trips without any timeout by the calls that still run (65)', async () => {
    const ours = breaker({
      failureThreshold: 99,
      minimumCalls: 10,
      slowCallDuration: 1_000,
      slowCallRateThreshold: 0.5,
    });
    expect(await flood(ours, ours)).toBeLessThanOrEqual(10 + 10);
  });

  test('does not blame the dependency for calls that only queued on our side', async () => {
    const ours = breaker({ failureThreshold: 2 });
    const limiter = bulkhead({ maxConcurrent: 1, maxQueue: 100, clock });
    const chain = compose(timeout({ duration: 1_000, clock }), ours, limiter);
    const slot = limiter.tryAcquire();
    const calls = Array.from({ length: 20 }, () => chain.execute(hole).catch(() => {}));
    await clock.advance(2_000);
    await Promise.all(calls);
    expect(ours.snapshot()).toMatchObject({ state: 'closed', counts: { failure: {} } });
    slot[Symbol.dispose]();
  });
});

test('a timeout around cockatiel’s wrap reaches the breaker through the signal and counts', async () => {
  const ours = breaker({ failureThreshold: 1 });
  const controller = new AbortController();
  const call = cockatiel
    .wrap(cockatiel.noop, ours)
    .execute(() => new Promise(() => {}), controller.signal);
  call.catch(() => {});
  await clock.advance(1_000);
  controller.abort(new TimeoutError('outer', 1_000));
  expect(ours.state).toBe('open');
});

test('a call that its time ran out on while it queued further in says nothing', async () => {
  const ours = breaker({ failureThreshold: 1 });
  const controller = new AbortController();
  const refused = ours.execute(
    () => Promise.reject(new DeadlineExceededError('pool')),
    controller.signal,
  );
  await expect(refused).rejects.toMatchObject({ code: 'EDEADLINE' });
  expect(ours.state).toBe('closed');
});

test('thenables, thrown and synchronous results settle as they do without it (gobreaker 35)', async () => {
  const ours = breaker({ failureThreshold: 2 });
  class Query {
    // oxlint-disable-next-line unicorn/no-thenable -- a query builder is one
    then(resolve: (rows: string) => void): void {
      resolve('rows');
    }
  }
  await expect(ours.execute(() => new Query() as unknown as Promise<string>)).resolves.toBe('rows');
  const thrown = sick();
  await expect(
    ours.execute(() => {
      throw thrown;
    }),
  ).rejects.toBe(thrown);
  expect(ours.snapshot().counts.failure).toEqual({ unavailable: 1 });
});

test('100 000 calls at the same time are counted to the last', async () => {
  const ours = breaker({
    failureThreshold: 200_000,
    slowCallDuration: 1_000,
    slowCallRateThreshold: 1,
  });
  const gate = Promise.withResolvers<void>();
  const calls = Array.from({ length: 100_000 }, (_, i) =>
    ours
      .execute(async () => {
        await gate.promise;
        if (i % 4 === 0) throw sick();
        return i;
      })
      .catch(() => -1),
  );
  expect(ours.snapshot().gauges.inFlight).toBe(100_000);
  gate.resolve();
  const results = await Promise.all(calls);
  expect(results.filter((result) => result === -1)).toHaveLength(25_000);
  expect(ours.snapshot()).toMatchObject({
    counts: { calls: 100_000, success: 75_000, failure: { unavailable: 25_000 } },
    gauges: { inFlight: 0, failureRate: 0.25 },
  });
});
