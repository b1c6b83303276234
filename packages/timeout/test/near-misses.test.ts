import { setTimeout as sleep } from 'node:timers/promises';
import { manualClock } from '@fournines/core/testing';
import { describe, expect, test } from 'vitest';
import { timeout, timeouts } from '@fournines/timeout';

describe('a near miss', () => {
  test('is told from slowRatio on, whichever that is', async () => {
    for (const [slowRatio, expected] of [
      [0.5, 3],
      [0.8, 2],
      [1, 0],
    ] as const) {
      const clock = manualClock();
      const policy = timeout({ duration: 100, slowRatio, clock });
      for (const ms of [49, 50, 80, 99]) {
        const gate = Promise.withResolvers<void>();
        const call = policy.execute(() => gate.promise);
        await clock.advance(ms);
        gate.resolve();
        await call;
      }
      expect(policy.snapshot().counts.slow).toBe(expected);
    }
  });

  test.each([
    [10, 8.5],
    [80, 66],
  ])(
    'is told of a short timeout too, on the system’s clock, by a callee that blocks: %d ms',
    async (duration, ms) => {
      const policy = timeout(duration);
      for (let i = 0; i < 5; i += 1) {
        await policy.execute(() => {
          const end = performance.now() + ms;
          while (performance.now() < end);
        });
      }
      expect(policy.snapshot().counts.slow).toBe(5);
    },
  );

  test('is told of a long timeout as well as the system’s clock can tell', async () => {
    const policy = timeout({ duration: 2_000, slowRatio: 0.015 });
    const elapsed: number[] = [];
    policy.onSlow(({ elapsedMs }) => elapsed.push(elapsedMs));
    const waits = Array.from({ length: 12 }, (_, i) => 31 + (i % 4));
    await Promise.all(
      waits.map(async (ms, i) => {
        await sleep(i);
        await policy.execute(() => sleep(ms));
      }),
    );
    await policy.execute(() => undefined);
    expect(policy.snapshot().counts.slow).toBe(12);
    expect(Math.min(...elapsed)).toBeGreaterThanOrEqual(30);
  });

  test('may be a failure of the callee’s own', async () => {
    const clock = manualClock();
    const policy = timeout({ duration: 100, clock });
    const gate = Promise.withResolvers<never>();
    const call = policy.execute(() => gate.promise).catch(() => {});
    await clock.advance(90);
    gate.reject(new Error('504'));
    await call;
    expect(policy.snapshot().counts).toEqual({ calls: 1, timeouts: 0, slow: 1, late: 0 });
  });

  test('is not what its caller aborted, in cooperative mode: neither slow nor a timeout', async () => {
    const clock = manualClock();
    const policy = timeout({ duration: 50, mode: 'cooperative', clock });
    const caller = new AbortController();
    const gate = Promise.withResolvers<string>();
    const call = policy.execute(() => gate.promise, caller.signal);
    await clock.advance(5);
    caller.abort(new Error('gave up'));
    await clock.advance(75);
    gate.resolve('done');
    await expect(call).resolves.toBe('done');
    expect(clock.timers).toBe(0);
    expect(policy.snapshot().counts).toEqual({ calls: 1, timeouts: 0, slow: 0, late: 0 });
  });
});

test('percentiles are of calls that went well and of timeouts: a failure does not say how long the work takes', async () => {
  const clock = manualClock();
  const query = timeouts({ QUERY: 100 }, { clock, env: {} }).for('QUERY');
  const pass = async (ms: number, fails?: Error): Promise<void> => {
    const work = async (): Promise<void> => {
      await new Promise<void>((resolve) => clock.setTimeout(resolve, ms));
      if (fails !== undefined) throw fails;
    };
    const call = query.execute(work).catch(() => {});
    await clock.advance(ms);
    await call;
  };
  await pass(40);
  for (let i = 0; i < 20; i += 1) await pass(1, new Error('refused'));
  expect(query.snapshot().gauges.p50Ms).toBeGreaterThan(38);
  for (let i = 0; i < 20; i += 1) await pass(150);
  expect(query.snapshot().gauges.p50Ms).toBeGreaterThan(97);
});
