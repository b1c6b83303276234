import { type Clock, systemClock } from '@fournines/core';
import { manualClock } from '@fournines/core/testing';
import { describe, expect, it } from 'vitest';
import { type RateLimit, rateLimit } from '../src/index.ts';

describe('rateLimit', () => {
  it('admits a burst, then evenly, and says exactly when to come back', async () => {
    const clock = manualClock();
    const policy = rateLimit({ limit: 10, interval: 1_000, burst: 3, clock, name: 'x' });
    for (let i = 0; i < 3; i++) expect(await policy.execute(() => i)).toBe(i);
    await expect(policy.execute(() => 4)).rejects.toMatchObject({
      code: 'ELIMITED',
      retryAfterMs: 100,
      message: 'x: more than 10 calls in 1000 ms',
    });
    await clock.advance(99);
    await expect(policy.execute(() => 4)).rejects.toMatchObject({ retryAfterMs: 1 });
    await clock.advance(1);
    expect(await policy.execute(() => 4)).toBe(4);
    await expect(policy.execute(() => 5)).rejects.toMatchObject({ retryAfterMs: 100 });
    expect(policy.snapshot()).toEqual({
      status: 'up',
      counts: { admitted: 4, queued: 0, rejected: { rate: 3 } },
      gauges: { limit: 10, inFlight: 0, queued: 0 },
    });
  });

  it('admits limit calls at once by default, and no more after a long pause', async () => {
    const clock = manualClock();
    const policy = rateLimit({ limit: 5, interval: 1_000, clock });
    const admitted = (): number =>
      Array.from({ length: 20 }, () => policy.tryAcquire()).filter(({ granted }) => granted).length;
    expect(admitted()).toBe(5);
    await clock.advance(3_600_000);
    expect(admitted()).toBe(5);
  });

  it('takes fractions: fewer than one call in an interval', async () => {
    const clock = manualClock();
    const policy = rateLimit({ limit: 0.5, interval: 1_000, clock });
    expect(await policy.execute(() => 1)).toBe(1);
    await expect(policy.execute(() => 2)).rejects.toMatchObject({ retryAfterMs: 2_000 });
  });

  it('resize takes effect at once', async () => {
    const clock = manualClock();
    const policy = rateLimit({ limit: 1, interval: 1_000, clock });
    const changes: unknown[] = [];
    using _ = policy.onLimitChange(({ from, to }) => changes.push([from, to]));
    await policy.execute(() => 1);
    policy.resize(10, 1);
    await expect(policy.execute(() => 2)).rejects.toMatchObject({ retryAfterMs: 100 });
    await clock.advance(100);
    await policy.execute(() => 2);
    await expect(policy.execute(() => 3)).rejects.toMatchObject({ retryAfterMs: 100 });
    expect(changes).toEqual([[1, 10]]);
    expect(() => policy.resize(0)).toThrow('rateLimit: limit must be > 0, got 0');
  });

  it('keeps what was used up when it is resized, in calls and not in time', async () => {
    const clock = manualClock();
    const admitted = (policy: RateLimit): number =>
      Array.from({ length: 200 }, () => policy.tryAcquire()).filter(({ granted }) => granted)
        .length;
    const up = rateLimit({ limit: 1, interval: 1_000, burst: 10, clock });
    expect(admitted(up)).toBe(10);
    up.resize(100, 100);
    expect(admitted(up)).toBe(90);
    await clock.advance(10);
    expect(admitted(up)).toBe(1);

    const down = rateLimit({ limit: 100, interval: 1_000, clock });
    expect(admitted(down)).toBe(100);
    down.resize(2, 1);
    expect(down.tryAcquire()).toMatchObject({ granted: false, retryAfterMs: 500 });
    await clock.advance(500);
    expect(admitted(down)).toBe(1);

    const idle = rateLimit({ limit: 10, interval: 1_000, clock });
    expect(admitted(idle)).toBe(10);
    await clock.advance(3_600_000);
    idle.resize(20);
    expect(admitted(idle)).toBe(20);
  });

  it('a clock that is set back neither frees nor holds anything', async () => {
    let now = 7_200_000;
    const clock: Clock = { now: () => now, wall: () => now, setTimeout: systemClock.setTimeout };
    const policy = rateLimit({ limit: 2, interval: 1_000, burst: 2, clock });
    await policy.execute(() => 1);
    now -= 3_600_000;
    await policy.execute(() => 2);
    await expect(policy.execute(() => 3)).rejects.toMatchObject({ retryAfterMs: 500 });
    now += 500;
    expect(await policy.execute(() => 4)).toBe(4);
  });

  it('a clock that jitters mints no credit, and whoever waits by it as told is admitted', async () => {
    let now = 0;
    const clock: Clock = { now: () => now, wall: () => now, setTimeout: systemClock.setTimeout };
    for (const jitterMs of [0, 1, 900]) {
      now = 10_000;
      const policy = rateLimit({ limit: 5, interval: 1_000, burst: 5, clock });
      let admitted = 0;
      // Four seconds: 5 at once, and 5 in each second.
      for (let ms = 0; ms < 4_000; ms += 2) {
        for (const offset of [0, jitterMs]) {
          now = 10_000 + ms - offset;
          if (policy.tryAcquire().granted) admitted += 1;
        }
      }
      expect([jitterMs, admitted]).toEqual([jitterMs, 24]);
      const answer = policy.tryAcquire();
      expect(answer.granted).toBe(false);
      if (!answer.granted) now += answer.retryAfterMs ?? 0;
      expect(policy.tryAcquire().granted).toBe(true);
    }
  });

  it('counts what runs', async () => {
    const policy = rateLimit({ limit: 10, interval: 1_000 });
    using permit = policy.tryAcquire();
    expect(permit.granted).toBe(true);
    expect(policy.snapshot().gauges.inFlight).toBe(1);
    await expect(policy.execute(() => Promise.reject(0))).rejects.toBe(0);
    expect(policy.snapshot().gauges.inFlight).toBe(1);
    if (permit.granted) permit.success();
    expect(policy.snapshot().gauges.inFlight).toBe(0);
  });

  it.each([
    [{ limit: 0, interval: 1 }, 'rateLimit: limit must be > 0, got 0'],
    [{ limit: 1 }, 'rateLimit: interval must be > 0, got undefined'],
    [{ limit: 1, interval: 1, burst: 0 }, 'rateLimit: burst must be an integer >= 1, got 0'],
    [{ limit: 1, interval: 1, points: 1 }, "rateLimit: unknown option 'points'"],
    [{ limit: 1, interval: 1, redis: {}, key: 'k' }, 'rateLimit: redis.evalsha must be a function'],
    [undefined, 'rateLimit: options must be an object, got undefined'],
  ])('refuses the options %j', (options, message) => {
    expect(() => rateLimit(options as never)).toThrow(message);
  });
});
