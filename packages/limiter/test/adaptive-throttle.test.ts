import { LimitRejectedError, TimeoutError, compose } from '@fournines/core';
import { manualClock, seededRandom } from '@fournines/core/testing';
import { timeout } from '@fournines/timeout';
import { describe, expect, it } from 'vitest';
import {
  type AdaptiveThrottle,
  type AdaptiveThrottleOptions,
  adaptiveThrottle,
} from '../src/index.ts';
import { gate, settled } from './gates.ts';

const overloaded = { status: 503 };

function make(options: AdaptiveThrottleOptions = {}) {
  const clock = manualClock();
  return { clock, policy: adaptiveThrottle({ clock, random: () => 0.999, ...options }) };
}

async function meet(policy: AdaptiveThrottle, accepted: number, refused: number): Promise<void> {
  for (let i = 0; i < accepted; i++) await policy.execute(() => i);
  for (let i = 0; i < refused; i++) {
    await policy.execute(() => Promise.reject(overloaded)).catch((error: unknown) => error);
  }
}

const rateOf = (policy: AdaptiveThrottle): number => policy.snapshot().gauges.rejectionRate;

describe('adaptiveThrottle', () => {
  it('refuses nothing before there was a request, nor while accepts keep up (failsafe 49)', async () => {
    const { policy } = make({ minPerSecond: 0 });
    expect(rateOf(policy)).toBe(0);
    await meet(policy, 50, 50);
    expect(rateOf(policy)).toBe(0);
    expect(policy.snapshot().status).toBe('up');
  });

  it('refuses by the formula of the book', async () => {
    const { policy } = make({ minPerSecond: 0, random: () => 0.999 });
    await meet(policy, 20, 80);
    expect(rateOf(policy)).toBeCloseTo((100 - 2 * 20) / 101);
    expect(policy.snapshot().status).toBe('degraded');
  });

  it('refuses at most maxRejection (failsafe 49)', async () => {
    const { policy } = make({ minPerSecond: 0 });
    await meet(policy, 0, 500);
    expect(rateOf(policy)).toBe(0.9);
    const strict = make({ minPerSecond: 0, maxRejection: 0.5 });
    await meet(strict.policy, 0, 500);
    expect(rateOf(strict.policy)).toBe(0.5);
  });

  it('never refuses below the request rate that is asked for (failsafe 49)', async () => {
    const { policy, clock } = make({ window: 10_000, minPerSecond: 5 });
    await meet(policy, 0, 49);
    expect(rateOf(policy)).toBe(0);
    await meet(policy, 0, 1);
    expect(rateOf(policy)).toBeCloseTo(0.9);
    await clock.advance(11_000);
    expect(rateOf(policy)).toBe(0);
  });

  it('forgets what is older than the window, however long nobody called', async () => {
    const { policy, clock } = make({ window: 12_000, minPerSecond: 0 });
    await meet(policy, 0, 10);
    await clock.advance(6_000);
    await meet(policy, 10, 0);
    expect(rateOf(policy)).toBe(0);
    await meet(policy, 0, 30);
    expect(rateOf(policy)).toBeCloseTo((50 - 20) / 51);
    await clock.advance(7_000);
    expect(rateOf(policy)).toBeCloseTo((40 - 20) / 41);
    await clock.advance(3_600_000);
    expect(rateOf(policy)).toBe(0);
  });

  it('refuses the share that the rate says, and counts refusals as requests', async () => {
    const { policy } = make({ minPerSecond: 0, random: seededRandom(7), maxRejection: 0.5 });
    const events: string[] = [];
    using _ = policy.onReject(({ reason }) => events.push(reason));
    await meet(policy, 0, 2_000);
    const { admitted, rejected } = policy.snapshot().counts;
    expect(admitted + rejected.throttled).toBe(2_000);
    expect(rejected.throttled / 2_000).toBeGreaterThan(0.45);
    expect(rejected.throttled / 2_000).toBeLessThan(0.55);
    expect(events).toHaveLength(rejected.throttled);
  });

  it('recovers when the callee does', async () => {
    const { policy, clock } = make({ window: 12_000, minPerSecond: 1, random: seededRandom(3) });
    for (let second = 0; second < 12; second++) {
      await meet(policy, 0, 100);
      await clock.advance(1_000);
    }
    expect(rateOf(policy)).toBe(0.9);
    for (let second = 0; second < 40; second++) {
      for (let i = 0; i < 100; i++) await policy.execute(() => i).catch((error: unknown) => error);
      await clock.advance(1_000);
    }
    expect(rateOf(policy)).toBe(0);
    const before = policy.snapshot().counts.rejected.throttled;
    await meet(policy, 100, 0);
    expect(policy.snapshot().counts.rejected.throttled).toBe(before);
  });

  it('does not count calls in flight: a burst of slow calls is no trouble', async () => {
    const { policy } = make({ minPerSecond: 0 });
    const slow = gate();
    const calls = Array.from({ length: 1_000 }, () => policy.execute(() => slow.promise));
    expect(policy.snapshot().gauges).toEqual({ rejectionRate: 0, inFlight: 1_000 });
    slow.resolve('ok');
    await Promise.all(calls);
    expect(policy.snapshot().gauges).toEqual({ rejectionRate: 0, inFlight: 0 });
  });

  it("counts neither the caller's abort nor refusals from further in", async () => {
    const { policy } = make({ minPerSecond: 0 });
    for (let i = 0; i < 20; i++) {
      const controller = new AbortController();
      const call = policy.execute(
        ({ signal }) =>
          new Promise((_resolve, reject) => {
            signal.addEventListener('abort', () => reject(overloaded));
          }),
        controller.signal,
      );
      controller.abort('bye');
      await expect(call).rejects.toBe(overloaded);
      const inner = new LimitRejectedError('inner', { reason: 'full' });
      await expect(policy.execute(() => Promise.reject(inner))).rejects.toBe(inner);
    }
    expect(rateOf(policy)).toBe(0);
  });

  it('counts a timeout further out at once, also of a callee that never ends', async () => {
    const { policy, clock } = make({ minPerSecond: 0 });
    const chain = compose(timeout({ duration: 50, clock }), policy);
    const hung = gate();
    const calls = Array.from({ length: 10 }, () => settled(chain.execute(() => hung.promise)));
    await clock.advance(50);
    expect(calls.every(({ outcome }) => outcome instanceof TimeoutError)).toBe(true);
    expect(rateOf(policy)).toBeCloseTo(0.9);
    expect(policy.snapshot().gauges.inFlight).toBe(10);
    hung.resolve('late');
    await clock.advance(0);
    expect(policy.snapshot().gauges.inFlight).toBe(0);
    expect(rateOf(policy)).toBeCloseTo(0.9);
  });

  it('lets calls through when its source of chance throws', async () => {
    const { policy } = make({
      minPerSecond: 0,
      random: () => {
        throw new Error('no chance');
      },
    });
    await meet(policy, 0, 20);
    expect(rateOf(policy)).toBeCloseTo(0.9);
    expect(await policy.execute(() => 'through')).toBe('through');
  });

  it('tryAcquire refuses and counts as execute does', () => {
    const { policy } = make({ minPerSecond: 0, random: () => 0 });
    const first = policy.tryAcquire();
    if (first.granted) first.failure(overloaded);
    expect(policy.tryAcquire()).toMatchObject({
      granted: false,
      error: { code: 'ELIMITED', message: expect.stringContaining('throttled (50 %') as string },
    });
  });

  it.each([
    [{ ratio: 0.5 }, 'adaptiveThrottle: ratio must be >= 1, got 0.5'],
    [{ window: 0 }, 'adaptiveThrottle: window must be > 0, got 0'],
    [{ minPerSecond: -1 }, 'adaptiveThrottle: minPerSecond must be >= 0, got -1'],
    [{ maxRejection: 1 }, 'adaptiveThrottle: maxRejection must be >= 0 and < 1, got 1'],
    [{ random: 4 }, 'adaptiveThrottle: random must be a function, got 4'],
    [{ k: 2 }, "adaptiveThrottle: unknown option 'k'"],
  ])('refuses the options %j', (options, message) => {
    expect(() => adaptiveThrottle(options as never)).toThrow(message);
  });
});
