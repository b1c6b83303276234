import { useManualClock } from '@fournines/core/testing';
import { type Permit, TimeoutError } from '@fournines/core';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { type CircuitBreaker, type CircuitBreakerOptions, circuitBreaker } from '../src/index.ts';
import { busyLoop } from './busy-loop.ts';

const loop = busyLoop();
afterAll(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

const sick = (): Error => Object.assign(new Error('down'), { code: 'ECONNREFUSED' });
const admitted = (policy: CircuitBreaker): Permit => {
  const permit = policy.tryAcquire();
  if (!permit.granted) throw permit.error;
  return permit;
};
/** The loop is idle: short turns. */
const idle = (ms: number): void => {
  for (let i = 0; i < ms; i += 10) {
    loop.work(10);
    loop.turn();
  }
};

test('the heartbeat runs while something is in flight, and stops then', () => {
  const policy = circuitBreaker({ slowCallDuration: 1_000 });
  const permit = admitted(policy);
  for (let turn = 0; turn < 5; turn++) loop.turn();
  expect(loop.intervals).toBe(1);
  permit.success();
  for (let turn = 0; turn < 5; turn++) loop.turn();
  expect(loop.intervals).toBe(0);
});

describe('a stall of this process', () => {
  test('is not counted against calls that still run', () => {
    const policy = circuitBreaker({ minimumCalls: 1, slowCallDuration: 500 });
    admitted(policy);
    loop.work(600);
    loop.turn();
    idle(20);
    admitted(policy)[Symbol.dispose]();
    expect(policy.state).toBe('closed');
    idle(480);
    expect(policy.tryAcquire().granted).toBe(false);
  });

  test('excuses a timeout that it was more than half of, and no other', () => {
    for (const [stallMs, isExcused] of [
      [600, true],
      [300, false],
      [60, false],
    ] as const) {
      const policy = circuitBreaker({ failureThreshold: 1 });
      const permit = admitted(policy);
      loop.work(stallMs);
      loop.turn();
      idle(1_000 - stallMs);
      permit.failure(new TimeoutError('further in', 1_000));
      expect([stallMs, policy.state]).toEqual([stallMs, isExcused ? 'closed' : 'open']);
    }
  });

  test('excuses a timeout that was made by hand as well', () => {
    for (const [stallMs, state] of [
      [600, 'closed'],
      [300, 'open'],
    ] as const) {
      const policy = circuitBreaker({ failureThreshold: 1 });
      const permit = admitted(policy);
      loop.work(stallMs);
      loop.turn();
      idle(1_000 - stallMs);
      permit.failure(new DOMException('aborted', 'AbortError'));
      expect(policy.state).toBe(state);
    }
  });

  test('excuses the abort by a timeout further out as well', () => {
    for (const [stallMs, state] of [
      [600, 'closed'],
      [0, 'open'],
    ] as const) {
      const policy = circuitBreaker({ failureThreshold: 1 });
      const controller = new AbortController();
      const permit = policy.tryAcquire({ signal: controller.signal });
      loop.work(stallMs);
      loop.turn();
      idle(1_000 - stallMs);
      controller.abort(new TimeoutError('further out', 1_000));
      if (permit.granted) permit.failure(controller.signal.reason);
      expect(policy.state).toBe(state);
    }
  });
});

describe('the lease of a probe', () => {
  const probing = (options: CircuitBreakerOptions): Permit => {
    const policy = circuitBreaker({
      failureThreshold: 1,
      resetTimeout: 300,
      halfOpen: { permittedCalls: 1 },
      ...options,
    });
    breaker = policy;
    admitted(policy).failure(sick());
    idle(300);
    return admitted(policy);
  };
  let breaker: CircuitBreaker;

  test('is longer by what this process stood still, and by no more', () => {
    for (const [stalls, states] of [
      [true, ['half-open', 'half-open', 'open']],
      [false, ['open', 'open', 'open']],
    ] as const) {
      probing({ stalls });
      const seen: string[] = [];
      loop.work(400);
      const look = (): void => {
        breaker.tryAcquire();
        seen.push(breaker.state);
      };
      look();
      loop.turn();
      if (stalls) expect(breaker.retryAfterMs).toBe(280);
      idle(270);
      look();
      idle(20);
      look();
      expect(seen).toEqual(states);
    }
  });

  test('that outlasted a stall is closed by the answer of its probe', () => {
    const probe = probing({});
    loop.work(400);
    expect(breaker.tryAcquire().granted).toBe(false);
    probe.success();
    expect(breaker.state).toBe('closed');
    expect(breaker.history.map(({ reason }) => reason)).toEqual([
      'tripped',
      'probing',
      'recovered',
    ]);
  });
});

test('stalls that are switched off or on are neither added to calls that run nor taken off them twice', () => {
  for (const [first, slow] of [
    [true, 0],
    [false, 1],
  ] as const) {
    const other = circuitBreaker({ slowCallDuration: 500 });
    admitted(other);
    loop.work(2_000);
    loop.turn();
    const policy = circuitBreaker({ failureThreshold: 1, slowCallDuration: 500, stalls: first });
    const before = admitted(policy);
    idle(100);
    policy.configure({ stalls: !first });
    before.success();
    expect(policy.snapshot().counts.slow).toBe(0);
    const during = admitted(policy);
    loop.work(600);
    loop.turn();
    policy.configure({ stalls: first });
    during.success();
    expect(policy.snapshot().counts.slow).toBe(1 - slow);
  }
});

test('a threshold of a few milliseconds is measured exactly', () => {
  for (const configured of [false, true]) {
    const policy = circuitBreaker({
      failureThreshold: 3,
      slowCallDuration: configured ? 1_000 : 5,
      stalls: false,
    });
    if (configured) policy.configure({ slowCallDuration: 5 });
    idle(30);
    for (let i = 0; i < 20; i++) {
      loop.work(40);
      const permit = admitted(policy);
      const other = admitted(policy);
      loop.turn();
      loop.work(1);
      permit.success();
      loop.work(4);
      other.success();
    }
    expect(policy.snapshot().counts.slow).toBe(20);
  }
});

test('a manual clock that stood in for the system’s and is gone again stops no time', () => {
  for (const [isRead, isExact] of [
    [true, false],
    [false, false],
    [true, true],
  ]) {
    const time = useManualClock({ now: 1e9 });
    const policy = circuitBreaker({ failureThreshold: 3, slowCallDuration: 500, stalls: false });
    if (isRead) admitted(policy).success();
    time[Symbol.dispose]();
    if (isExact) {
      loop.work(60);
      policy.toJSON();
    }
    const permits = [admitted(policy), admitted(policy)];
    idle(440);
    permits[0]?.success();
    expect(policy.snapshot().counts.slow).toBe(0);
    idle(60);
    permits[1]?.success();
    expect(policy.snapshot().counts.slow).toBe(1);
  }
});

describe('a coarse clock that lags behind the exact one within a turn of the loop', () => {
  test.each<CircuitBreakerOptions>([{ stalls: false }, { stalls: true }])(
    'moves no time on: a call lasts as long as it lasted (%j)',
    (options) => {
      const policy = circuitBreaker({
        ...options,
        failureThreshold: 3,
        minimumCalls: 1,
        slowCallDuration: 350,
      });
      idle(30);
      const permit = admitted(policy);
      for (let turn = 0; turn < 3; turn++) {
        loop.work(60);
        policy.toJSON();
        admitted(policy)[Symbol.dispose]();
        loop.turn();
      }
      idle(120);
      permit.success();
      expect(policy.snapshot()).toMatchObject({ state: 'closed', counts: { slow: 0, success: 1 } });
    },
  );

  test.each<CircuitBreakerOptions>([{ stalls: false }, { stalls: true }])(
    'is no part of a call that starts after the work of its turn (%j)',
    (options) => {
      const policy = circuitBreaker({ ...options, slowCallDuration: 250, minimumCalls: 1 });
      idle(30);
      for (let i = 0; i < 20; i++) {
        loop.work(160);
        const permit = admitted(policy);
        loop.turn();
        idle(110);
        permit.success();
      }
      expect(policy.snapshot()).toMatchObject({ state: 'closed', counts: { slow: 0 } });
    },
  );

  test('a stall is discounted once, and not added on top', () => {
    const policy = circuitBreaker({ failureThreshold: 3, minimumCalls: 1, slowCallDuration: 500 });
    idle(30);
    const permit = admitted(policy);
    loop.work(400);
    policy.toJSON();
    admitted(policy)[Symbol.dispose]();
    loop.turn();
    idle(120);
    permit.success();
    expect(policy.snapshot()).toMatchObject({ state: 'closed', counts: { slow: 0 } });
  });

  test('quick calls of a busy process are not slow while traffic comes back', () => {
    const policy = circuitBreaker({
      failureThreshold: 1,
      resetTimeout: 10,
      ramp: 60_000,
      slowCallDuration: 400,
      random: () => 0,
    });
    admitted(policy).failure(sick());
    idle(20);
    admitted(policy).success();
    admitted(policy).success();
    for (let turn = 0; turn < 20; turn++) {
      const permits = Array.from({ length: 20 }, () => {
        const permit = admitted(policy);
        admitted(policy).success();
        loop.work(5);
        return permit;
      });
      loop.turn();
      idle(100);
      for (const permit of permits) permit.success();
    }
    expect(policy.snapshot()).toMatchObject({ state: 'closed', counts: { slow: 0 } });
  });
});
