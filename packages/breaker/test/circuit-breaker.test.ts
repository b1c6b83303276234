import { BrokenCircuitError, TimeoutError, compose } from '@fournines/core';
import { type ManualClock, manualClock } from '@fournines/core/testing';
import { beforeEach, describe, expect, test } from 'vitest';
import {
  type CircuitBreaker,
  type CircuitBreakerOptions,
  type StateChangeEvent,
  circuitBreaker,
} from '../src/index.ts';

const sick = (): Error => Object.assign(new Error('connection refused'), { code: 'ECONNREFUSED' });

let clock: ManualClock;
beforeEach(() => {
  clock = manualClock();
});

const breaker = (options: CircuitBreakerOptions = {}): CircuitBreaker =>
  circuitBreaker({ name: 'db', clock, ...options });

const succeed = (policy: CircuitBreaker, value: unknown = 'ok'): Promise<unknown> =>
  policy.execute(() => value);
const fail = (policy: CircuitBreaker, error: unknown = sick()): Promise<unknown> =>
  policy.execute(() => Promise.reject(error)).catch((thrown: unknown) => thrown);
const times = async (n: number, run: () => Promise<unknown>): Promise<void> => {
  for (let i = 0; i < n; i++) await run();
};
/** Lets the handlers of settled promises run. */
const settled = async (): Promise<void> => {
  for (let i = 0; i < 5; i++) await Promise.resolve();
};
const deferred = <T = unknown>(): PromiseWithResolvers<T> => Promise.withResolvers<T>();

describe('closed', () => {
  test('opens on the call that completes the minimum, also when that one succeeds (R4 1, Finagle 45)', async () => {
    const policy = breaker({ minimumCalls: 5 });
    await times(3, () => fail(policy));
    await succeed(policy);
    expect(policy.state).toBe('closed');
    await succeed(policy);
    expect(policy.state).toBe('open');
    await expect(succeed(policy)).rejects.toBeInstanceOf(BrokenCircuitError);
    expect(policy.snapshot().counts.rejected).toBe(1);
    expect(policy.lastTrip?.inequality).toBe(
      '3 of 5 calls failed: 0.6 >= failureRateThreshold 0.5',
    );
  });

  test('adds up calls that are apart but within the window (R4 2)', async () => {
    const policy = breaker({ minimumCalls: 5, slidingWindow: { duration: 20_000 } });
    for (let i = 0; i < 5; i++) {
      await fail(policy);
      await clock.advance(1_000);
    }
    expect(policy.state).toBe('open');
  });

  test('forgets exactly what is older than the window, however long the gap (Polly 30)', async () => {
    const policy = breaker({ minimumCalls: 10 });
    await times(9, () => fail(policy));
    await clock.advance(3_600_000);
    await fail(policy);
    expect(policy.state).toBe('closed');
    expect(policy.snapshot().gauges.failureRate).toBe(1);
    await clock.advance(30_000);
    expect(policy.snapshot().gauges.failureRate).toBe(0);
  });

  test('opens after failures in a row, and a success begins the row anew', async () => {
    const policy = breaker({ failureThreshold: 3 });
    await times(2, () => fail(policy));
    await succeed(policy);
    await times(2, () => fail(policy));
    expect(policy.state).toBe('closed');
    await fail(policy);
    expect(policy.state).toBe('open');
  });

  test('does not judge by rate when failureThreshold alone is given', async () => {
    const policy = breaker({ failureThreshold: 3, minimumCalls: 2 });
    for (let i = 0; i < 20; i++) {
      await fail(policy);
      await succeed(policy);
    }
    expect(policy.state).toBe('closed');
  });

  test('opens when enough calls were slow, failed or not (R4 3)', async () => {
    const policy = breaker({
      minimumCalls: 5,
      slowCallDuration: 2_000,
      slowCallRateThreshold: 0.6,
    });
    for (const ok of [true, false, true]) {
      const call = deferred();
      const run = policy.execute(() => call.promise).catch(() => {});
      await clock.advance(2_000);
      if (ok) call.resolve(1);
      else call.reject(sick());
      await run;
    }
    await times(2, () => succeed(policy));
    expect(policy.state).toBe('open');
    expect(policy.lastTrip?.rule).toBe('slow-call-rate');
  });

  test('counts the last calls in a count window, and drops exactly the oldest (R4 19)', async () => {
    const policy = breaker({
      slidingWindow: { size: 4 },
      minimumCalls: 4,
      failureRateThreshold: 0.75,
    });
    await times(2, () => fail(policy));
    await times(3, () => succeed(policy));
    await fail(policy);
    expect(policy.snapshot().gauges.failureRate).toBe(0.5 - 0.25);
    await times(2, () => fail(policy));
    expect(policy.state).toBe('open');
  });

  test('minimumCalls is no more than a count window holds, and 20 for a time window (R4 20)', async () => {
    const small = breaker({ slidingWindow: { size: 5 } });
    await times(4, () => fail(small));
    expect(small.state).toBe('closed');
    await fail(small);
    expect(small.state).toBe('open');
    const wide = breaker({ slidingWindow: { duration: 5 } });
    await times(19, () => fail(wide));
    expect(wide.state).toBe('closed');
    await fail(wide);
    expect(wide.state).toBe('open');
  });

  test.each([{ duration: 10_000 }, { size: 3 }])(
    'reports failures by category, of the window alone (%j)',
    async (slidingWindow) => {
      const policy = breaker({ failureRateThreshold: 1, minimumCalls: 3, slidingWindow });
      await times(2, () => fail(policy, new TimeoutError('old', 1)));
      await succeed(policy);
      await clock.advance(10_000);
      await times(2, () => fail(policy));
      await fail(policy, new TimeoutError('new', 1));
      expect(policy.lastTrip).toMatchObject({
        window: { calls: 3, failures: 3 },
        failures: { unavailable: 2, timeout: 1 },
      });
    },
  );

  test('puts running calls to the rule with what the window still sees', async () => {
    const policy = breaker({ minimumCalls: 2, slowCallDuration: 1_000 });
    await times(10, () => succeed(policy));
    await clock.advance(29_000);
    void policy.execute(() => new Promise(() => {}));
    const quick = deferred();
    const later = policy.execute(() => quick.promise);
    await clock.advance(1_000);
    expect(policy.tryAcquire().granted).toBe(false);
    expect(policy.lastTrip?.window).toMatchObject({ calls: 0, slowInFlight: 2 });
    quick.resolve(1);
    await later;
  });

  test('trips on a black hole: running calls count as slow once they are', async () => {
    const policy = breaker({
      minimumCalls: 20,
      slowCallDuration: 1_000,
      slowCallRateThreshold: 0.5,
    });
    let admitted = 0;
    for (let i = 0; i < 5_000; i++) {
      void policy
        .execute(() => {
          admitted += 1;
          return new Promise(() => {});
        })
        .catch(() => {});
      if (i % 10 === 9) await clock.advance(100);
      if (policy.state === 'open') break;
    }
    expect(policy.state).toBe('open');
    expect(admitted).toBeLessThanOrEqual(20 + 100);
    expect(policy.lastTrip?.window.slowInFlight).toBeGreaterThanOrEqual(20);
  });
});

describe('open', () => {
  test('refuses until the reset timeout has passed, then lets a call probe (R4 4, failsafe 39)', async () => {
    const policy = breaker({ failureThreshold: 1, resetTimeout: 5_000 });
    await fail(policy);
    await clock.advance(3_000);
    const refusal = await succeed(policy).catch((error: unknown) => error);
    expect(refusal).toMatchObject({
      code: 'ECIRCUITOPEN',
      state: 'open',
      retryAfterMs: 2_000,
      policy: 'db',
      cause: { code: 'ECONNREFUSED' },
    });
    await clock.advance(2_000);
    expect([policy.state, policy.retryAfterMs]).toEqual(['open', 0]);
    await succeed(policy);
    expect(policy.state).toBe('half-open');
  });

  test('hands the length of the break to a function that counts the openings (R4 6, Polly 25, Finagle 44, cockatiel 46)', async () => {
    const seen: number[] = [];
    const policy = breaker({
      failureThreshold: 1,
      halfOpen: { permittedCalls: 1 },
      resetTimeout: ({ attempt }) => {
        seen.push(attempt);
        return 100 * 2 ** attempt;
      },
    });
    for (let i = 0; i < 4; i++) {
      await fail(policy);
      await clock.advance(policy.retryAfterMs);
    }
    await succeed(policy);
    await fail(policy);
    expect(seen).toEqual([0, 1, 2, 3, 0]);
  });
});

describe('half-open', () => {
  const halfOpen = async (options: CircuitBreakerOptions = {}): Promise<CircuitBreaker> => {
    const policy = breaker({ failureThreshold: 1, resetTimeout: 1_000, ...options });
    await fail(policy);
    await clock.advance(1_000);
    return policy;
  };

  test('admits so many probes and refuses the others at once (R4 7, Polly 23)', async () => {
    const policy = await halfOpen({ halfOpen: { permittedCalls: 4 } });
    const gate = deferred();
    const results = Array.from({ length: 10 }, () =>
      policy
        .execute(() => gate.promise)
        .then(
          () => 'ok',
          (error: { state: string }) => error.state,
        ),
    );
    gate.resolve(1);
    const outcomes = await Promise.all(results);
    expect(outcomes.filter((outcome) => outcome === 'ok')).toHaveLength(4);
    expect(outcomes.filter((outcome) => outcome === 'half-open')).toHaveLength(6);
    expect(policy.state).toBe('closed');
  });

  test('decides as soon as the result is certain (R4 9, R4 10)', async () => {
    const good = await halfOpen();
    await succeed(good);
    expect(good.state).toBe('half-open');
    await succeed(good);
    expect(good.state).toBe('closed');
    const bad = await halfOpen();
    await fail(bad);
    expect(bad.state).toBe('half-open');
    await fail(bad);
    expect(bad.state).toBe('open');
    expect(bad.lastTrip).toMatchObject({ rule: 'half-open', failures: { unavailable: 2 } });
  });

  test('a slow probe failed (R4 9)', async () => {
    const policy = await halfOpen({ slowCallDuration: 500, halfOpen: { permittedCalls: 1 } });
    const gate = deferred();
    const run = policy.execute(() => gate.promise);
    await clock.advance(500);
    gate.resolve(1);
    await run;
    expect(policy.state).toBe('open');
  });

  test('a probe that hangs fails when its lease ends, and its late result moves nothing (Polly 23)', async () => {
    const policy = await halfOpen({ halfOpen: { permittedCalls: 1, maxWait: 200 } });
    const gate = deferred();
    const run = policy.execute(() => gate.promise);
    await clock.advance(199);
    await expect(succeed(policy)).rejects.toMatchObject({ state: 'half-open', retryAfterMs: 1 });
    await clock.advance(1);
    await expect(succeed(policy)).rejects.toMatchObject({ state: 'open' });
    gate.resolve(1);
    await run;
    expect(policy.state).toBe('open');
    expect(policy.snapshot().counts.late).toBe(1);
  });

  test('a probe that says nothing gives its place back (R4 11, gobreaker 33, Finagle 43)', async () => {
    const policy = await halfOpen({ halfOpen: { permittedCalls: 1 } });
    const limited = Object.assign(new Error('full'), { isBulkheadRejectedError: true });
    await times(4, () => fail(policy, limited));
    expect(policy.state).toBe('half-open');
    await succeed(policy);
    expect(policy.state).toBe('closed');
  });
});

describe('generations', () => {
  test('a failure from before moves neither the open nor the half-open nor the fresh circuit (gobreaker 32, 51, 52)', async () => {
    const policy = breaker({
      failureThreshold: 2,
      resetTimeout: 1_000,
      halfOpen: { permittedCalls: 1 },
    });
    const gates = Array.from({ length: 6 }, () => deferred());
    const calls = gates.map((gate) => policy.execute(() => gate.promise).catch(() => {}));
    await times(2, () => fail(policy));
    const changes: StateChangeEvent[] = [];
    policy.onStateChange((event) => changes.push(event));
    await clock.advance(500);
    gates[0]?.reject(sick());
    gates[1]?.reject(sick());
    await settled();
    expect(policy.retryAfterMs).toBe(500);
    await clock.advance(500);
    const probe = deferred();
    const probing = policy.execute(() => probe.promise);
    gates[2]?.reject(sick());
    gates[3]?.resolve(1);
    await settled();
    expect(policy.state).toBe('half-open');
    probe.resolve(1);
    await probing;
    expect(policy.state).toBe('closed');
    gates[4]?.reject(sick());
    gates[5]?.reject(sick());
    await Promise.all(calls);
    expect(policy.state).toBe('closed');
    expect(policy.snapshot().counts.late).toBe(6);
    expect(changes.map(({ from, to }) => `${from}>${to}`)).toEqual([
      'open>half-open',
      'half-open>closed',
    ]);
  });
});

test('passes falsy results and errors through as they are (67)', async () => {
  const policy = breaker();
  for (const value of [undefined, null, 0, '', false, Number.NaN]) {
    await expect(policy.execute(() => value)).resolves.toBe(value);
    await expect(compose(policy).execute(() => Promise.reject(value))).rejects.toBe(value);
  }
});
