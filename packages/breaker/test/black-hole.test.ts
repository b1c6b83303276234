import type { Clock } from '@fournines/core';
import { beforeEach, describe, expect, test } from 'vitest';
import { type CircuitBreaker, type CircuitBreakerOptions, circuitBreaker } from '../src/index.ts';

let now: number;
beforeEach(() => {
  now = 0;
});
const clock: Clock = {
  now: () => now,
  wall: () => 0,
  setTimeout: () => ({ cancel() {}, ref() {}, unref() {} }),
};

interface Call {
  success(): void;
  failure(error: unknown): void;
  drop(): void;
}
const breaker = (options: CircuitBreakerOptions = {}): CircuitBreaker =>
  circuitBreaker({ clock, minimumCalls: 20, slowCallDuration: 1_000, ...options });
const start = (policy: CircuitBreaker): Call | undefined => {
  const permit = policy.tryAcquire();
  if (!permit.granted) return undefined;
  return {
    success: () => permit.success(),
    failure: (error) => permit.failure(error),
    drop: () => permit[Symbol.dispose](),
  };
};
/** Starts a call every `every` milliseconds for `ms`; those that are answered are so after 10 ms. */
const traffic = (
  policy: CircuitBreaker,
  ms: number,
  every: number,
  isAnswered: boolean,
): number => {
  let admitted = 0;
  for (const end = now + ms; now < end && policy.state === 'closed';) {
    const call = start(policy);
    if (call !== undefined) admitted += 1;
    now += Math.min(10, every);
    if (isAnswered) call?.success();
    now += Math.max(0, every - 10);
  }
  return admitted;
};

describe('a black hole', () => {
  test.each([1, 0.5])(
    'trips soon after healthy traffic too, at slowCallRateThreshold %d',
    (slowCallRateThreshold) => {
      const policy = breaker({ slowCallRateThreshold });
      traffic(policy, 30_000, 10, true);
      const admitted = traffic(policy, 30_000, 10, false);
      expect(policy.state).toBe('open');
      expect(admitted).toBeLessThanOrEqual(20 + 100 + 1);
      expect(policy.lastTrip).toMatchObject({
        rule: 'black-hole',
        inequality:
          '20 calls have been running for 1000 ms or more, and none that started with or after them was answered: 20 >= minimumCalls 20',
        window: { slow: 0, slowInFlight: 20, unanswered: 20, failures: 0 },
      });
    },
  );

  test('is told from a leak: calls that never end, among others that are answered', () => {
    const policy = breaker();
    for (let i = 0; i < 100; i++) {
      start(policy);
      traffic(policy, 500, 100, true);
    }
    expect(policy.state).toBe('closed');
    expect(policy.snapshot().gauges.slowRate).toBeGreaterThan(0.2);
    traffic(policy, 3_000, 20, false);
    expect(policy.lastTrip?.rule).toBe('black-hole');
  });

  test('is no black hole when one call that started later was answered, before or after they became slow', () => {
    for (const whenMs of [900, 1_500]) {
      const policy = breaker();
      traffic(policy, 20_000, 20, true);
      for (let i = 0; i < 30; i++) start(policy);
      now += 500;
      const later = start(policy);
      now += whenMs - 500;
      later?.success();
      now += 5_000;
      start(policy)?.success();
      expect(policy.state).toBe('closed');
      expect(policy.snapshot().gauges.slowRate).toBeGreaterThan(0);
    }
  });

  test('an answer to one that hung tells nothing of those that started after it', () => {
    const policy = breaker({ minimumCalls: 3, slidingWindow: { size: 100 } });
    for (let i = 0; i < 50; i++) start(policy)?.success();
    const calls = [1, 2, 3, 4].map(() => {
      now += 100;
      return start(policy);
    });
    now += 850;
    calls[1]?.success();
    now += 200;
    start(policy)?.drop();
    expect(policy.state).toBe('closed');
    now += 1;
    for (let i = 0; i < 2; i++) {
      start(policy);
      now += 1_000;
    }
    start(policy);
    expect(policy.lastTrip).toMatchObject({ rule: 'black-hole', window: { unanswered: 3 } });
  });

  test('an answer begins the count anew, at nothing', () => {
    const policy = breaker({ minimumCalls: 3, slidingWindow: { size: 100 } });
    for (let i = 0; i < 50; i++) start(policy)?.success();
    now += 1;
    start(policy);
    start(policy);
    now += 1_000;
    start(policy);
    start(policy);
    now += 100;
    start(policy)?.success();
    now += 1;
    for (let i = 0; i < 3; i++) start(policy);
    now += 1_000;
    start(policy);
    expect(policy.lastTrip).toMatchObject({ rule: 'black-hole', window: { unanswered: 3 } });
  });

  test('an answer to an old call takes nothing off that was not counted', () => {
    const policy = breaker({ minimumCalls: 3, slidingWindow: { size: 100 } });
    for (let i = 0; i < 50; i++) start(policy)?.success();
    now += 1;
    start(policy);
    now += 1;
    start(policy)?.success();
    const hung = [1, 2].map(() => {
      now += 1;
      return start(policy);
    });
    now += 1_000;
    start(policy)?.drop();
    hung[1]?.success();
    now += 1;
    for (let i = 0; i < 3; i++) start(policy);
    now += 1_000;
    start(policy);
    expect(policy.lastTrip).toMatchObject({ rule: 'black-hole', window: { unanswered: 3 } });
  });

  test('a later answer to an older call takes back none to a newer one', () => {
    const policy = breaker({ minimumCalls: 3, slidingWindow: { size: 100 } });
    for (let i = 0; i < 50; i++) start(policy)?.success();
    now += 1;
    const older = start(policy);
    now += 1;
    for (let i = 0; i < 3; i++) start(policy);
    now += 1;
    start(policy)?.success();
    older?.success();
    now += 1_000;
    start(policy)?.drop();
    expect(policy.state).toBe('closed');
  });

  test('calls that were given up are not counted, and timeouts are no answers', () => {
    const dropped = breaker();
    const calls = Array.from({ length: 19 }, () => start(dropped));
    now += 1_000;
    start(dropped);
    for (const call of calls.slice(0, 10)) call?.drop();
    for (let i = 0; i < 10; i++) start(dropped)?.drop();
    now += 1_000;
    start(dropped)?.success();
    expect(dropped.state).toBe('closed');

    for (const error of [
      Object.assign(new Error('late'), { code: 'ETIMEDOUT' }),
      // A timeout that was made by hand.
      new DOMException('aborted', 'AbortError'),
    ]) {
      const timed = breaker({ failureRateThreshold: false, minimumCalls: 3 });
      for (let i = 0; i < 50; i++) start(timed)?.success();
      now += 1;
      for (let i = 0; i < 3; i++) start(timed);
      now += 500;
      start(timed)?.failure(error);
      now += 500;
      start(timed);
      expect(timed.lastTrip?.rule).toBe('black-hole');
    }
  });

  test('has a switch of its own: long calls that belong together are none', () => {
    const policy = breaker({ blackHole: false });
    traffic(policy, 20_000, 10, true);
    for (let i = 0; i < 30; i++) start(policy);
    now += 1_000;
    start(policy)?.success();
    start(policy)?.drop();
    expect([policy.state, policy.snapshot().gauges.slowRate]).toEqual(['closed', 30 / 2_031]);
    // The slow rate is another rule: it holds where nothing else is in the window.
    const quiet = breaker({ blackHole: false });
    for (let i = 0; i < 30; i++) start(quiet);
    now += 1_000;
    start(quiet);
    expect(quiet.lastTrip?.rule).toBe('slow-call-rate');
  });

  test('is switched while calls hang, and the switch travels with no exported circuit', () => {
    const policy = breaker({ blackHole: false });
    traffic(policy, 20_000, 10, true);
    for (let i = 0; i < 30; i++) start(policy);
    now += 1_000;
    start(policy);
    expect(policy.state).toBe('closed');
    const imported = breaker({ initialState: policy.toJSON() });
    policy.configure({ blackHole: true });
    now += 1_000;
    start(policy);
    expect(policy.lastTrip?.rule).toBe('black-hole');
    // Another process has its own options, and none of these calls.
    for (let i = 0; i < 20; i++) start(imported);
    now += 1_000;
    start(imported);
    expect(imported.lastTrip?.rule).toBe('black-hole');
  });

  test('counts anew after slowCallDuration was configured', () => {
    const policy = breaker({ minimumCalls: 3 });
    for (let i = 0; i < 50; i++) start(policy)?.success();
    now += 1;
    for (let i = 0; i < 2; i++) start(policy);
    now += 1_000;
    start(policy)?.drop();
    policy.configure({ slowCallDuration: 2_000 });
    policy.configure({ slowCallDuration: 500 });
    start(policy)?.drop();
    expect(policy.state).toBe('closed');
    expect(policy.snapshot().gauges.slowRate).toBeCloseTo(2 / 52);
  });
});
