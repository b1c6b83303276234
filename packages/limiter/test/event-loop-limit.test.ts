import type { Clock } from '@fournines/core';
import { type ManualClock, manualClock } from '@fournines/core/testing';
import { describe, expect, it } from 'vitest';
import { eventLoopLimit } from '../src/index.ts';

/** A clock whose time can pass while no timer gets its turn, as in a loop that is blocked. */
function stallingClock(): {
  readonly clock: Clock;
  readonly time: ManualClock;
  stall(ms: number): void;
} {
  const time = manualClock();
  let stalled = 0;
  const clock: Clock = {
    now: () => time.now() + stalled,
    wall: () => time.wall() + stalled,
    setTimeout: (fn, ms) => time.setTimeout(fn, ms),
  };
  return { clock, time, stall: (ms) => (stalled += ms) };
}

describe('eventLoopLimit', () => {
  it('admits while the loop is on time', async () => {
    const { clock, time } = stallingClock();
    const policy = eventLoopLimit({ clock });
    for (let i = 0; i < 20; i++) {
      expect(await policy.execute(() => i)).toBe(i);
      await time.advance(50);
    }
    expect(policy.snapshot()).toEqual({
      status: 'up',
      counts: { admitted: 20, queued: 0, rejected: { 'loop-delay': 0 } },
      gauges: { limit: 200, inFlight: 0, queued: 0 },
    });
  });

  it('refuses in the very turn of the loop that takes too long', async () => {
    const { clock, stall } = stallingClock();
    const policy = eventLoopLimit({ clock, maxDelay: 100, name: 'loop' });
    await policy.execute(() => 1);
    stall(110);
    await policy.execute(() => 2);
    stall(15);
    expect(policy.snapshot().status).toBe('degraded');
    await expect(policy.execute(() => 3)).rejects.toMatchObject({
      code: 'ELIMITED',
      message: 'loop: the event loop is 105 ms late (limit 100 ms)',
    });
    expect(policy.tryAcquire().granted).toBe(false);
    expect(policy.snapshot().counts.rejected).toEqual({ 'loop-delay': 2 });
  });

  it('admits again soon after the loop is on time again', async () => {
    const { clock, time, stall } = stallingClock();
    const policy = eventLoopLimit({ clock, maxDelay: 100 });
    await policy.execute(() => 1);
    stall(350);
    await time.advance(20);
    expect(policy.tryAcquire().granted).toBe(false);
    await time.advance(20);
    expect(policy.tryAcquire().granted).toBe(false);
    await time.advance(20);
    expect(policy.tryAcquire().granted).toBe(true);
    expect(policy.snapshot().status).toBe('up');
  });

  it('rests when nobody calls, and takes no pause between calls for a delay', async () => {
    const { clock, time, stall } = stallingClock();
    const policy = eventLoopLimit({ clock, maxDelay: 100 });
    await policy.execute(() => 1);
    expect(time.timers).toBe(1);
    await time.advance(5_000);
    expect(time.timers).toBe(0);
    stall(60_000);
    expect(await policy.execute(() => 2)).toBe(2);
  });

  it('does not keep the process alive', async () => {
    const time = manualClock();
    let isReferenced = true;
    const clock: Clock = {
      now: () => time.now(),
      wall: () => time.wall(),
      setTimeout: (fn, ms) => ({
        ...time.setTimeout(fn, ms),
        unref: () => void (isReferenced = false),
      }),
    };
    await eventLoopLimit({ clock }).execute(() => 1);
    expect(isReferenced).toBe(false);
  });

  it('sees a real event loop that is blocked', async () => {
    const policy = eventLoopLimit({ maxDelay: 40 });
    expect(await policy.execute(() => 'before')).toBe('before');
    const until = performance.now() + 120;
    while (performance.now() < until);
    await expect(policy.execute(() => 'during')).rejects.toMatchObject({ code: 'ELIMITED' });
  });

  it('resize changes the bound and tells of it', () => {
    const policy = eventLoopLimit();
    const changes: unknown[] = [];
    using _ = policy.onLimitChange(({ from, to }) => changes.push([from, to]));
    policy.resize(50);
    expect(changes).toEqual([[200, 50]]);
    expect(policy.snapshot().gauges.limit).toBe(50);
    expect(() => policy.resize(0)).toThrow('eventLoopLimit: maxDelay must be > 0, got 0');
  });
});
