import { TimeoutError } from '@fournines/core';
import { type ManualClock, manualClock } from '@fournines/core/testing';
import { channel } from 'node:diagnostics_channel';
import { beforeEach, describe, expect, test } from 'vitest';
import {
  type CircuitBreaker,
  type CircuitBreakerOptions,
  type StateChangeEvent,
  circuitBreaker,
} from '../src/index.ts';

let clock: ManualClock;
beforeEach(() => {
  clock = manualClock();
});

const sick = (message = 'down'): Error =>
  Object.assign(new Error(message), { code: 'ECONNREFUSED' });
const breaker = (options: CircuitBreakerOptions = {}): CircuitBreaker =>
  circuitBreaker({ name: 'db', clock, failureThreshold: 2, resetTimeout: 1_000, ...options });
const succeed = (policy: CircuitBreaker): Promise<unknown> => policy.execute(() => 'ok');
const fail = (policy: CircuitBreaker, error: unknown = sick()): Promise<unknown> =>
  policy.execute(() => Promise.reject(error)).catch((thrown: unknown) => thrown);
const trip = async (policy: CircuitBreaker): Promise<void> => {
  await fail(policy);
  await fail(policy);
};

describe('isolation', () => {
  test('refuses until every handle is released, then is as it was: closed and clean (R4 13, cockatiel 46)', async () => {
    const policy = breaker();
    await fail(policy);
    const first = policy.isolate('migration');
    const second = policy.isolate();
    const refusal = await succeed(policy).catch((error: unknown) => error);
    expect(refusal).toMatchObject({
      state: 'isolated',
      retryAfterMs: Infinity,
      isIsolatedCircuitError: true,
      isBrokenCircuitError: true,
    });
    expect(String(refusal)).toContain('migration');
    first.dispose();
    first.dispose();
    expect(policy.state).toBe('isolated');
    second[Symbol.dispose]();
    expect(policy.state).toBe('closed');
    await fail(policy);
    expect(policy.state).toBe('closed');
  });

  test('of an open circuit ends in half-open', async () => {
    const policy = breaker();
    await trip(policy);
    {
      using _held = policy.isolate();
      expect(policy.state).toBe('isolated');
    }
    expect([policy.state, policy.retryAfterMs]).toEqual(['half-open', 0]);
    await succeed(policy);
    await succeed(policy);
    expect(policy.state).toBe('closed');
  });

  test('a call from before moves nothing after it (Polly 21, Polly 22)', async () => {
    const policy = breaker({ failureThreshold: 1 });
    const gate = Promise.withResolvers();
    const call = policy.execute(() => gate.promise).catch(() => {});
    policy.isolate().dispose();
    gate.reject(sick());
    await call;
    expect(policy.state).toBe('closed');
    expect(policy.snapshot().counts.late).toBe(1);
  });

  test('ends by reset; a handle from before ends nothing later', async () => {
    const policy = breaker();
    const former = policy.isolate();
    policy.reset();
    expect(policy.state).toBe('closed');
    using _later = policy.isolate();
    former.dispose();
    expect(policy.state).toBe('isolated');
  });

  test('by an operator: actions isolate, release and reset', () => {
    const policy = breaker();
    expect(policy.actions.isolate({ reason: 'deploy' })).toEqual({ state: 'isolated' });
    expect(policy.actions.isolate({})).toEqual({ state: 'isolated' });
    expect(policy.actions.release({})).toEqual({ state: 'closed' });
    policy.actions.isolate({});
    expect(policy.actions.reset({})).toEqual({ state: 'closed' });
  });
});

describe('reset and configure', () => {
  test('reset closes and forgets (R4 12)', async () => {
    const policy = breaker();
    await trip(policy);
    policy.reset();
    await fail(policy);
    expect(policy.state).toBe('closed');
    expect(policy.snapshot().gauges.failureRate).toBe(1);
  });

  test('configure keeps state and window and refuses nonsense whole', async () => {
    const policy = breaker({ failureThreshold: 5 });
    await trip(policy);
    expect(() => policy.configure({ failureThreshold: 3, ramp: -1 })).toThrow(
      new RangeError('breaker: ramp must be >= 0, got -1'),
    );
    policy.configure({ failureThreshold: 3 });
    await fail(policy);
    expect(policy.state).toBe('open');
    policy.configure({ resetTimeout: 5_000 });
    expect(policy.retryAfterMs).toBe(1_000);
    expect(() => policy.configure({ name: 'other' } as object)).toThrow(/cannot change name/);
  });

  test('configure puts running calls to a new slow threshold', async () => {
    const policy = breaker({ minimumCalls: 1, failureRateThreshold: false });
    void policy.execute(() => new Promise(() => {}));
    await clock.advance(500);
    policy.configure({ slowCallDuration: 400 });
    await expect(succeed(policy)).rejects.toMatchObject({ state: 'open' });
  });

  test('configure refuses what is no object of options', () => {
    for (const nonsense of [null, undefined, 5, []]) {
      expect(() => breaker().configure(nonsense as object)).toThrow(
        /breaker: configure: options must be an object/,
      );
    }
  });

  test.each([
    [{ duration: 30_000 }, { duration: 60_000, buckets: 6 }],
    [{ duration: 30_000 }, { duration: 15_000, buckets: 50 }],
    [{ size: 10 }, { size: 100 }],
    [{ size: 10 }, { size: 4 }],
  ])('configure from %j to %j keeps the window, with its categories', async (former, next) => {
    const rates = { failureThreshold: 9, minimumCalls: 4, failureRateThreshold: 0.5 };
    const policy = breaker({ ...rates, slidingWindow: former });
    await fail(policy);
    await clock.advance(6_000);
    await fail(policy, new TimeoutError('x', 1));
    policy.configure({ slidingWindow: next });
    await trip(policy);
    expect(policy.lastTrip).toMatchObject({
      window: { calls: 4, failures: 4 },
      failures: { unavailable: 3, timeout: 1 },
    });
  });

  test('configure to a shorter window forgets exactly what is older', async () => {
    const policy = breaker({ failureThreshold: 9, minimumCalls: 3, failureRateThreshold: 0.5 });
    await fail(policy);
    await clock.advance(18_000);
    policy.configure({ slidingWindow: { duration: 10_000 } });
    await fail(policy, new TimeoutError('x', 1));
    await trip(policy);
    expect(policy.lastTrip?.failures).toEqual({ unavailable: 2, timeout: 1 });
  });

  test('configure from a window over time to one over calls, or back, begins an empty one', async () => {
    for (const [former, next] of [
      [{ duration: 30_000 }, { size: 10 }],
      [{ size: 10 }, { duration: 30_000 }],
    ] as const) {
      const policy = breaker({ failureThreshold: 3, slidingWindow: former });
      await trip(policy);
      policy.configure({ slidingWindow: next });
      expect(policy.snapshot().gauges.failureRate).toBe(0);
      await fail(policy);
      expect(policy.state).toBe('open');
    }
  });
});

describe('export and import', () => {
  const restart = (policy: CircuitBreaker, options: CircuitBreakerOptions = {}): CircuitBreaker =>
    breaker({ ...options, initialState: JSON.parse(JSON.stringify(policy)) });

  test('an open circuit stays open for what remains, by wall time (gobreaker 36, cockatiel 46)', async () => {
    const policy = breaker();
    await trip(policy);
    await clock.advance(300);
    const exported = JSON.parse(JSON.stringify(policy));
    const other = manualClock({ now: 5, wall: clock.wall() + 200 });
    const restored = circuitBreaker({ clock: other, initialState: exported });
    expect([restored.state, restored.retryAfterMs]).toEqual(['open', 500]);
    other.setWall(0);
    const behind = circuitBreaker({ clock: other, initialState: exported });
    expect(behind.retryAfterMs).toBe(700);
  });

  test('a half-open circuit goes on as one that may probe', async () => {
    const policy = breaker();
    await trip(policy);
    await clock.advance(1_000);
    await succeed(policy);
    const restored = restart(policy);
    expect([restored.state, restored.retryAfterMs]).toEqual(['open', 0]);
  });

  test('an isolation does not travel (61)', () => {
    const policy = breaker();
    policy.isolate();
    expect(policy.toJSON().isolated).toBe(true);
    expect(restart(policy).state).toBe('closed');
  });

  test('failures in a row and the window go on counting (cockatiel 46)', async () => {
    const policy = breaker();
    await fail(policy);
    const restored = restart(policy);
    await fail(restored);
    expect(restored.state).toBe('open');
    for (const slidingWindow of [{ size: 10 }, { duration: 10_000 }]) {
      const rates = {
        failureThreshold: 99,
        failureRateThreshold: 0.5,
        minimumCalls: 5,
        slidingWindow,
      };
      const first = breaker(rates);
      await trip(first);
      await succeed(first);
      await clock.advance(1_000);
      const second = restart(first, rates);
      await succeed(second);
      await succeed(second);
      expect(second.state).toBe('closed');
      expect(second.snapshot().gauges.failureRate).toBe(0.4);
    }
  });

  test('what is too old by then is left out', async () => {
    const policy = breaker({ failureThreshold: 99 });
    await trip(policy);
    const exported = JSON.parse(JSON.stringify(policy));
    clock.setWall(clock.wall() + 3_600_000);
    expect(breaker({ initialState: exported }).snapshot().gauges.failureRate).toBe(0);
  });

  test('a break without end stays one (Polly 26)', async () => {
    for (const resetTimeout of [Infinity, Number.MAX_SAFE_INTEGER]) {
      const policy = breaker({ resetTimeout: () => resetTimeout });
      await trip(policy);
      await clock.advance(1e9);
      for (const circuit of [policy, restart(policy), breaker({ initialState: policy.toJSON() })]) {
        expect(circuit.retryAfterMs).toBeGreaterThanOrEqual(resetTimeout - 1e9 - 1_000);
        await expect(succeed(circuit)).rejects.toMatchObject({ state: 'open' });
      }
    }
  });

  test('probes of a circuit that was open without end are not waited for without end', async () => {
    const policy = breaker({ resetTimeout: () => Infinity });
    await trip(policy);
    policy.isolate().dispose();
    for (let i = 0; i < 3; i++) void policy.execute(() => new Promise(() => {})).catch(() => {});
    await expect(succeed(policy)).rejects.toMatchObject({ retryAfterMs: 30_000 });
  });

  test('nonsense is refused', () => {
    const good = breaker().toJSON();
    const time = (...buckets: number[][]) => ({
      ...good,
      window: { kind: 'time', bucketMs: 1_000, buckets },
    });
    for (const bad of [
      {},
      time([1, 2, 0]),
      time([1, 0, 2]),
      time([2 ** 32, 0, 0]),
      time([2 ** 31, 0, 0], [2 ** 31, 0, 0]),
      time([-1, 0, 0]),
      { ...good, state: 'open', openUntil: 'soon' },
      { ...good, version: 2 },
      { ...good, state: 'half-open' },
      { ...good, window: null },
    ]) {
      expect(() => breaker({ initialState: bad as typeof good })).toThrow(/breaker: initialState/);
    }
  });
});

describe('events', () => {
  test('a state change says why: rule, numbers, categories, an error', async () => {
    const policy = breaker();
    const changes: StateChangeEvent[] = [];
    policy.onStateChange((event) => changes.push(event));
    await fail(policy);
    const last = sick('the last one');
    await fail(policy, last);
    expect(changes).toEqual([
      {
        type: 'state-change',
        at: 0,
        wallAt: clock.wall(),
        from: 'closed',
        to: 'open',
        reason: 'tripped',
        enforced: true,
        error: last,
        breakDurationMs: 1_000,
        trip: {
          rule: 'failure-threshold',
          inequality: '2 failures in a row >= failureThreshold 2',
          window: {
            calls: 2,
            failures: 2,
            slow: 0,
            slowInFlight: 0,
            unanswered: 0,
            consecutiveFailures: 2,
          },
          failures: { unavailable: 2 },
          error: last,
        },
      },
    ]);
    expect(policy.history.map(({ to }) => to)).toEqual(['open']);
  });

  test('listeners that throw hurt nobody, and the state is final when they run (56)', async () => {
    const policy = breaker();
    const states: string[] = [];
    policy.onStateChange(() => {
      throw new Error('bug in a listener');
    });
    policy.onStateChange(() => states.push(policy.state));
    policy.onReject(() => {
      throw new Error('bug in a listener');
    });
    const own = sick();
    await fail(policy);
    expect(await fail(policy, own)).toBe(own);
    await expect(succeed(policy)).rejects.toMatchObject({ code: 'ECIRCUITOPEN' });
    expect(states).toEqual(['open']);
  });

  test('a listener may move the circuit and call it; transitions are told in their order (Polly 31, 69)', async () => {
    const policy = breaker();
    const seen: string[] = [];
    const inner: Promise<unknown>[] = [];
    policy.onStateChange(({ to }) => {
      if (to === 'open') {
        inner.push(fail(policy));
        policy.reset();
        inner.push(succeed(policy));
      }
    });
    policy.onStateChange(({ from, to }) => seen.push(`${from}>${to}`));
    await trip(policy);
    expect(seen).toEqual(['closed>open', 'open>closed']);
    const [refused, answered] = await Promise.all(inner);
    expect(refused).toMatchObject({ code: 'ECIRCUITOPEN' });
    expect(answered).toBe('ok');
  });

  test('reach the diagnostics channel', async () => {
    const seen: unknown[] = [];
    const listen = (message: unknown): void => void seen.push(message);
    channel('fournines:circuit-breaker:reject').subscribe(listen);
    const policy = breaker();
    await trip(policy);
    await fail(policy);
    channel('fournines:circuit-breaker:reject').unsubscribe(listen);
    expect(seen).toMatchObject([
      { component: { name: 'db' }, event: { type: 'reject', state: 'open', enforced: true } },
    ]);
  });

  test('each rejection is its own error, with the same short stack (Polly 27)', async () => {
    const policy = breaker();
    await trip(policy);
    const errors = await Promise.all(Array.from({ length: 100 }, () => fail(policy)));
    expect(new Set(errors).size).toBe(100);
    expect(new Set(errors.map((error) => (error as Error).stack)).size).toBe(1);
  });
});

describe('recovery', () => {
  test('ramp lets traffic come back step by step, and a failure among it opens again', async () => {
    let chance = 0;
    const policy = breaker({ ramp: 1_000, random: () => chance });
    await trip(policy);
    await clock.advance(1_000);
    await succeed(policy);
    await succeed(policy);
    expect(policy.state).toBe('closed');
    chance = 0.3;
    await expect(succeed(policy)).rejects.toMatchObject({ code: 'ECIRCUITOPEN' });
    await clock.advance(400);
    await succeed(policy);
    chance = 0.99;
    await clock.advance(600);
    await succeed(policy);
    policy.reset();

    await trip(policy);
    await clock.advance(1_000);
    chance = 0;
    await succeed(policy);
    await succeed(policy);
    policy.configure({ failureThreshold: 99 });
    await succeed(policy);
    await trip(policy);
    expect(policy.lastTrip?.rule).toBe('ramp');
  });

  test('a slow call among the ramp refuses nobody by itself', async () => {
    const policy = breaker({ ramp: 1_000, random: () => 0, slowCallDuration: 100 });
    await trip(policy);
    await clock.advance(1_000);
    await succeed(policy);
    await succeed(policy);
    void policy.execute(() => new Promise(() => {}));
    await succeed(policy);
    await clock.advance(200);
    await expect(succeed(policy)).resolves.toBe('ok');
  });

  test('isProbe chooses who probes', async () => {
    const policy = breaker({ isProbe: (call) => call.attributes?.['kind'] !== 'payment' });
    await trip(policy);
    await clock.advance(1_000);
    const payment = { attributes: { kind: 'payment' } };
    await expect(policy.execute(() => 1, payment)).rejects.toMatchObject({
      state: 'open',
    });
    await succeed(policy);
    await expect(policy.execute(() => 1, payment)).rejects.toMatchObject({ state: 'half-open' });
    await succeed(policy);
    await expect(policy.execute(() => 1, payment)).resolves.toBe(1);
  });

  test('an isProbe that throws admits nobody', async () => {
    const policy = breaker({
      isProbe: () => {
        throw new Error('bug');
      },
    });
    await trip(policy);
    await clock.advance(1_000);
    await expect(succeed(policy)).rejects.toMatchObject({ state: 'open' });
  });

  test('openOn: the server says when to come back', async () => {
    const policy = breaker({
      openOn: (outcome) =>
        outcome.ok ? undefined : (outcome.error as { retryAfter?: number }).retryAfter,
    });
    await fail(policy, { retryAfter: 700 });
    expect([policy.state, policy.retryAfterMs, policy.lastTrip?.rule]).toEqual([
      'open',
      700,
      'open-on',
    ]);
    await clock.advance(700);
    await fail(policy, { retryAfter: 50 });
    expect(policy.retryAfterMs).toBe(50);
  });

  test('a generator or openOn that throws changes no result (failsafe 40, 56)', async () => {
    const broken = (): never => {
      throw new Error('bug');
    };
    const policy = breaker({ resetTimeout: broken, openOn: broken });
    const own = sick();
    expect(await fail(policy, own)).toBe(own);
    await fail(policy);
    expect(policy.retryAfterMs).toBe(30_000);
    const nonsense = breaker({ resetTimeout: () => Number.NaN });
    await trip(nonsense);
    expect(nonsense.retryAfterMs).toBe(30_000);
  });
});

describe('enforcement', () => {
  test('a shadow trips, reports and lets every call through (R4 14)', async () => {
    const policy = breaker({ enforcement: 0 });
    const rejects: boolean[] = [];
    policy.onReject(({ enforced }) => rejects.push(enforced));
    await trip(policy);
    await expect(succeed(policy)).resolves.toBe('ok');
    expect(policy.state).toBe('open');
    expect(rejects).toEqual([false]);
    expect(policy.snapshot()).toMatchObject({
      status: 'up',
      counts: { rejected: 0, spared: 1, trips: 1, late: 0, success: 1 },
      gauges: { inFlight: 0 },
    });
    await clock.advance(1_000);
    await succeed(policy);
    await succeed(policy);
    expect(policy.state).toBe('closed');
  });

  test('a share of refusals is carried out', async () => {
    let chance = 0;
    const policy = breaker({ enforcement: 0.25, random: () => chance });
    await trip(policy);
    await expect(succeed(policy)).rejects.toMatchObject({ code: 'ECIRCUITOPEN' });
    chance = 0.25;
    await expect(succeed(policy)).resolves.toBe('ok');
  });

  test('an isolation is enforced also by a shadow', async () => {
    const policy = breaker({ enforcement: 0 });
    policy.isolate();
    await expect(succeed(policy)).rejects.toMatchObject({ state: 'isolated' });
  });
});

describe('two steps', () => {
  test('a permit counts as a call does, once (R4 16)', async () => {
    const policy = breaker({ failureThreshold: 2 });
    const permit = policy.tryAcquire();
    if (!permit.granted) throw permit.error;
    permit.failure(sick());
    permit.failure(sick());
    permit.success();
    expect(policy.state).toBe('closed');
    await fail(policy);
    expect(policy.state).toBe('open');
    using refused = policy.tryAcquire();
    expect(refused).toMatchObject({ granted: false, retryAfterMs: 1_000 });
  });

  test('a permit whose signal a timeout of ours aborted counts as that, any other abort as nothing', async () => {
    for (const [reason, state] of [
      [new TimeoutError('outside', 1_000), 'open'],
      [new Error('user left'), 'closed'],
    ] as const) {
      const policy = breaker({ failureThreshold: 1 });
      const controller = new AbortController();
      const permit = policy.tryAcquire({ signal: controller.signal });
      await clock.advance(500);
      controller.abort(reason);
      if (permit.granted) permit.failure(reason);
      expect([policy.state, policy.snapshot().gauges.inFlight]).toEqual([state, 0]);
    }
  });

  test('a permit that is never settled is ignored; of a probe, its place is free again (R4 8)', async () => {
    const policy = breaker({ halfOpen: { permittedCalls: 1 } });
    await trip(policy);
    await clock.advance(1_000);
    {
      using permit = policy.tryAcquire();
      expect(permit.granted).toBe(true);
      expect(policy.tryAcquire().granted).toBe(false);
    }
    await succeed(policy);
    expect(policy.state).toBe('closed');
    expect(policy.snapshot().counts.ignored).toBe(1);
  });
});

test.each([
  [{ failureThreshold: 0 }, 'breaker: failureThreshold must be an integer >= 1, got 0'],
  [{ failureRateThreshold: 50 }, 'breaker: failureRateThreshold must be > 0 and <= 1, got 50'],
  [
    { minimumCalls: 20, slidingWindow: { size: 10 } },
    'breaker: minimumCalls must be an integer >= 1 and <= 10, got 20',
  ],
  [{ slidingWindow: { duration: 0 } }, 'breaker: slidingWindow.duration must be > 0, got 0'],
  [
    { halfOpen: { permittedCalls: 0 } },
    'breaker: halfOpen.permittedCalls must be an integer >= 1 and <= 1000, got 0',
  ],
  [{ slowCallRateThreshold: 0.5 }, 'breaker: slowCallRateThreshold needs slowCallDuration'],
  [{ blackHole: false }, 'breaker: blackHole needs slowCallDuration'],
  [{ slowCallDuration: 5, blackHole: 0 }, 'breaker: blackHole must be true or false, got 0'],
  [{ resetTimeout: Number.NaN }, 'breaker: resetTimeout must be >= 0, got NaN'],
  [{ ramp: null }, 'breaker: ramp must be >= 0, got null'],
  [{ enforcement: null }, 'breaker: enforcement must be >= 0 and <= 1, got null'],
  [{ stalls: null }, 'breaker: stalls must be true or false, got null'],
  [{ failureRateThreshold: null }, 'breaker: failureRateThreshold must be > 0 and <= 1, got null'],
  [
    { slowCallDuration: 5, slowCallRateThreshold: null },
    'breaker: slowCallRateThreshold must be > 0 and <= 1, got null',
  ],
  [
    { slidingWindow: { duration: 5, buckets: null } },
    'breaker: slidingWindow.buckets must be an integer >= 1 and <= 1000, got null',
  ],
  [
    { halfOpen: { permittedCalls: null } },
    'breaker: halfOpen.permittedCalls must be an integer >= 1 and <= 1000, got null',
  ],
  [
    { halfOpen: { failureRateThreshold: null } },
    'breaker: halfOpen.failureRateThreshold must be > 0 and <= 1, got null',
  ],
  [{ fleet: null }, 'breaker: fleet must be what fleet(redis) returns'],
  [{ fleet: { publish() {} } }, 'breaker: fleet must be what fleet(redis) returns'],
  [{ failureTreshold: 3 }, /unknown option 'failureTreshold'/],
])('refuses %j (R4 20)', (options, message) => {
  expect(() => circuitBreaker(options as CircuitBreakerOptions)).toThrow(message);
});

test('a clock that is set back or forth changes no break (55)', async () => {
  let wall = 0;
  let now = 0;
  const policy = breaker({
    clock: { now: () => now, wall: () => wall, setTimeout: clock.setTimeout },
  });
  await trip(policy);
  wall = -3_600_000;
  now = -3_600_000;
  expect(policy.retryAfterMs).toBe(1_000);
  await fail(policy);
  now += 500;
  expect(policy.retryAfterMs).toBe(500);
  policy.toJSON();
  now -= 3_600_000;
  policy.toJSON();
  now += 499;
  await expect(succeed(policy)).rejects.toMatchObject({ retryAfterMs: 1 });
  now += 1;
  await expect(succeed(policy)).resolves.toBe('ok');
});

test('a clock that jitters ages nothing faster: time stands still until it has caught up', async () => {
  let now = 0;
  const policy = breaker({
    clock: { now: () => now, wall: () => now, setTimeout: clock.setTimeout },
  });
  await trip(policy);
  const until = 999;
  for (let ms = 0; ms <= until; ms += 1) {
    for (const jitterMs of [0, 5, 300]) {
      now = ms - jitterMs;
      policy.toJSON();
    }
  }
  now = until;
  await expect(succeed(policy)).rejects.toMatchObject({ retryAfterMs: 1 });
  now = 1_000;
  await expect(succeed(policy)).resolves.toBe('ok');
});
