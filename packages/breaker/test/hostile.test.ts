import { compose, fallback } from '@fournines/core';
import { type ManualClock, manualClock } from '@fournines/core/testing';
import { bulkhead } from '@fournines/limiter';
import { timeout } from '@fournines/timeout';
import { beforeEach, describe, expect, test } from 'vitest';
import { type CircuitBreaker, type CircuitBreakerOptions, circuitBreaker } from '../src/index.ts';

let clock: ManualClock;
beforeEach(() => {
  clock = manualClock();
});

const sick = (): Error => Object.assign(new Error('down'), { code: 'ECONNREFUSED' });
const breaker = (options: CircuitBreakerOptions = {}): CircuitBreaker =>
  circuitBreaker({ name: 'db', clock, failureThreshold: 1, resetTimeout: 1_000, ...options });
const fail = (policy: CircuitBreaker, error: unknown = sick()): Promise<unknown> =>
  policy.execute(() => Promise.reject(error)).catch((thrown: unknown) => thrown);
const warningsOf = async (run: () => Promise<void>): Promise<string[]> => {
  const warnings: string[] = [];
  const listen = (warning: Error): void => void warnings.push(warning.message);
  process.on('warning', listen);
  await run();
  await new Promise(setImmediate);
  process.off('warning', listen);
  return warnings;
};

describe('a random that throws', () => {
  const broken = (): (() => number) => () => {
    throw new Error('no chance');
  };

  test('enforces a refusal, by execute and by tryAcquire, and is reported once', async () => {
    const policy = breaker({ enforcement: 0.5, random: broken() });
    const warnings = await warningsOf(async () => {
      await fail(policy);
      for (let i = 0; i < 2; i++) {
        await expect(policy.execute(() => 1)).rejects.toMatchObject({ code: 'ECIRCUITOPEN' });
        expect(policy.tryAcquire()).toMatchObject({ granted: false });
      }
    });
    expect(policy.snapshot().counts).toMatchObject({ rejected: 4, spared: 0 });
    expect(warnings.filter((message) => message.includes('breaker: random threw'))).toHaveLength(1);
  });

  test.each([broken(), () => Number.NaN])('admits nobody to a ramp', async (random) => {
    const policy = breaker({ ramp: 1_000, random, halfOpen: { permittedCalls: 1 } });
    await fail(policy);
    await clock.advance(1_000);
    await policy.execute(() => 1);
    await expect(policy.execute(() => 1)).rejects.toMatchObject({ code: 'ECIRCUITOPEN' });
    await clock.advance(1_000);
    await expect(policy.execute(() => 1)).resolves.toBe(1);
  });

  test.each([undefined, '0.9', {}, Number.NaN])(
    'one that gives %j instead of a number enforces too',
    async (chance) => {
      const policy = breaker({ enforcement: 0.5, random: () => chance as number });
      await fail(policy);
      expect(policy.tryAcquire()).toMatchObject({ granted: false });
    },
  );

  test('leaves the policies around it whole', async () => {
    const slots = bulkhead({ maxConcurrent: 2, clock });
    const policy = breaker({ enforcement: 0.5, random: broken() });
    const chain = compose(
      fallback(() => true, 'cached'),
      slots,
      policy,
    );
    await fail(policy);
    for (let i = 0; i < 4; i++) await expect(chain.execute(() => 1)).resolves.toBe('cached');
    expect(slots.snapshot().gauges.inFlight).toBe(0);
  });
});

describe('an error that cannot be read', () => {
  const gets = (): never => {
    throw new Error('bug in a getter');
  };
  const revoked = (): unknown => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return proxy;
  };
  const errors: Record<string, () => unknown> = {
    'a getter of cockatiel’s brand': () =>
      Object.defineProperty(new Error('x'), 'isBrokenCircuitError', { get: gets }),
    'a getter of its code': () => Object.defineProperty(new Error('x'), 'code', { get: gets }),
    'a getter of its cause': () => Object.defineProperty(new Error('x'), 'cause', { get: gets }),
    'a revoked proxy': revoked,
  };
  const judges: Record<string, CircuitBreakerOptions> = {
    'by default': {},
    'with handle': { handle: { options: { errorFilter: () => true, resultFilter: () => false } } },
    'with a list': { expectedErrors: ['E_MINE'] },
    'with a predicate': { expectedErrors: () => true },
    'with openOn': { openOn: (outcome) => (outcome as { error: { after: number } }).error.after },
  };

  describe.each(Object.entries(errors))('%s', (_error, make) => {
    test.each(Object.entries(judges))('reaches the caller, and is over: %s', async (_how, how) => {
      const policy = breaker({ failureThreshold: 100, slowCallDuration: 5, ...how });
      for (let i = 0; i < 3; i++) {
        const error = make();
        const caught = await policy
          .execute(() => Promise.reject(error))
          .then(
            () => undefined,
            (thrown: unknown) => ({ thrown }),
          );
        expect(Object.is(caught?.thrown, error)).toBe(true);
      }
      await clock.advance(1_000);
      await policy.execute(() => 1);
      const { counts, gauges } = policy.snapshot();
      const { success, ignored, failure } = counts;
      const failures = Object.values(failure).reduce((sum, count) => sum + count, 0);
      expect([gauges.inFlight, gauges.slowRate]).toEqual([0, 0]);
      expect(success + ignored + failures).toBe(4);
    });

    test('fails a probe, which does not keep its place', async () => {
      const policy = breaker({ halfOpen: { permittedCalls: 1, maxWait: Infinity } });
      await fail(policy);
      await clock.advance(1_000);
      await policy.execute(() => Promise.reject(make())).catch(() => {});
      expect(policy.state).not.toBe('half-open');
    });

    test('answers behind a timeout at once', async () => {
      const policy = compose(timeout({ duration: 500, clock }), breaker());
      const error = make();
      const caught = await policy
        .execute(() => Promise.reject(error))
        .then(
          () => undefined,
          (thrown: unknown) => ({ thrown }),
        );
      expect(Object.is(caught?.thrown, error)).toBe(true);
    });
  });

  test('as the reason of an abort says nothing', async () => {
    const policy = breaker();
    for (const make of Object.values(errors)) {
      const controller = new AbortController();
      const call = policy.execute(() => new Promise((resolve) => setImmediate(resolve)), {
        signal: controller.signal,
      });
      controller.abort(make());
      await call.catch(() => {});
    }
    expect(policy.snapshot()).toMatchObject({ counts: { ignored: 4 }, gauges: { inFlight: 0 } });
  });
});
