import {
  BrokenCircuitError,
  LimitRejectedError,
  type Permit,
  TimeoutError,
  compose,
  systemClock,
} from '@fournines/core';
import { manualClock } from '@fournines/core/testing';
import { timeout } from '@fournines/timeout';
import { describe, expect, it } from 'vitest';
import { adaptiveLimit } from '../src/index.ts';
import { gate, gates, settled } from './gates.ts';

const limitOf = (policy: { snapshot(): { gauges: { limit: number } } }): number =>
  policy.snapshot().gauges.limit;

/** An error with so many others around it. */
function causedBy(cause: unknown, wrappers: number): unknown {
  return wrappers === 0 ? cause : causedBy(new Error('wrapped', { cause }), wrappers - 1);
}

describe('adaptiveLimit', () => {
  it('refuses at once when as many calls run as the limit allows', async () => {
    const policy = adaptiveLimit({ initial: 5, name: 'api' });
    const list = gates(5);
    const calls = list.map((one) => policy.execute(() => one.promise));
    await expect(policy.execute(() => 1)).rejects.toMatchObject({
      code: 'ELIMITED',
      policy: 'api',
      message: 'api: full (5 running, limit 5)',
    });
    expect(policy.snapshot()).toMatchObject({
      status: 'degraded',
      counts: { admitted: 5, queued: 0, rejected: { full: 1 } },
      gauges: { limit: 5, inFlight: 5, queued: 0 },
    });
    for (const one of list) one.resolve('ok');
    expect(await Promise.all(calls)).toEqual(['ok', 'ok', 'ok', 'ok', 'ok']);
    expect(policy.snapshot()).toMatchObject({ status: 'up', gauges: { inFlight: 0 } });
  });

  it('grows while at least half of it is used, and not otherwise', () => {
    const policy = adaptiveLimit({ initial: 10, max: 12 });
    for (let i = 0; i < 50; i++) {
      const permit = policy.tryAcquire();
      if (permit.granted) permit.success();
    }
    expect(limitOf(policy)).toBe(10);
    const few = Array.from({ length: 4 }, () => policy.tryAcquire());
    for (const permit of few) if (permit.granted) permit.success();
    expect(limitOf(policy)).toBe(10);
    const permits = Array.from({ length: 10 }, () => policy.tryAcquire());
    for (const permit of permits) if (permit.granted) permit.success();
    expect(limitOf(policy)).toBe(12);
  });

  it.each(['aimd', 'gradient'] as const)(
    '%s takes a tenth off once for all the calls that met the same overload',
    (algorithm) => {
      const policy = adaptiveLimit({ initial: 100, algorithm });
      const permits = Array.from({ length: 50 }, () => policy.tryAcquire());
      for (const permit of permits) if (permit.granted) permit.failure({ status: 503 });
      expect(limitOf(policy)).toBe(90);
      const later = policy.tryAcquire();
      if (later.granted) later.failure({ status: 429 });
      expect(limitOf(policy)).toBe(81);
    },
  );

  it('never goes below its minimum', () => {
    const policy = adaptiveLimit({ initial: 6, min: 5 });
    for (let i = 0; i < 20; i++) {
      const permit = policy.tryAcquire();
      if (permit.granted) permit.failure({ code: 'ETIMEDOUT' });
    }
    expect(limitOf(policy)).toBe(5);
  });

  it.each([
    ['an error of the callee', new Error('not found'), 100],
    ['a refusal of a limiter further in', new LimitRejectedError('inner', { reason: 'full' }), 100],
    [
      'an open circuit further in',
      new BrokenCircuitError('b', { state: 'open', retryAfterMs: 1 }),
      100,
    ],
    ['a thrown non-error', undefined, 100],
    ['a timeout of ours', new TimeoutError('t', 100), 90],
    ['HTTP 503', { status: 503 }, 90],
    ['HTTP 529', { status: 529 }, 90],
    ['overload as the fifth error of a chain', causedBy({ status: 503 }, 4), 90],
    ['overload as the sixth error of a chain', causedBy({ status: 503 }, 5), 100],
    ['HTTP 429 of a response', { response: { status: 429 } }, 90],
    ['a timeout as a cause', new Error('query failed', { cause: { code: 'ETIMEDOUT' } }), 90],
    ['the timeout of a platform', new DOMException('late', 'TimeoutError'), 90],
    ['PostgreSQL without connections', { code: '53300' }, 90],
  ])('judges %s', async (_what, error, limit) => {
    const policy = adaptiveLimit({ initial: 100 });
    await expect(policy.execute(() => Promise.reject(error))).rejects.toBe(error);
    expect(limitOf(policy)).toBe(limit);
  });

  it('asks isOverload instead of its own rule, and takes one that throws for yes', async () => {
    const asked: unknown[] = [];
    const policy = adaptiveLimit({
      initial: 100,
      isOverload: (error) => {
        asked.push(error);
        if (error === 'boom') throw new Error('predicate');
        return error === 'mine';
      },
    });
    await expect(policy.execute(() => Promise.reject({ status: 503 }))).rejects.toBeDefined();
    expect(limitOf(policy)).toBe(100);
    await expect(policy.execute(() => Promise.reject('mine'))).rejects.toBe('mine');
    expect(limitOf(policy)).toBe(90);
    await expect(policy.execute(() => Promise.reject('boom'))).rejects.toBe('boom');
    expect(limitOf(policy)).toBe(81);
    const refusal = new LimitRejectedError('inner', { reason: 'full' });
    await expect(policy.execute(() => Promise.reject(refusal))).rejects.toBe(refusal);
    const permit = policy.tryAcquire();
    if (permit.granted) permit.failure(refusal);
    expect(limitOf(policy)).toBe(81);
    expect(asked).toEqual([{ status: 503 }, 'mine', 'boom']);
  });

  it('learns from a timeout further out when it aborts the call, not when a callee that hangs ends', async () => {
    const clock = manualClock();
    const limit = adaptiveLimit({ initial: 100, clock });
    const policy = compose(timeout({ duration: 50, clock }), limit);
    const hung = gate();
    const call = settled(policy.execute(() => hung.promise));
    await clock.advance(50);
    expect(call.outcome).toBeInstanceOf(TimeoutError);
    expect(limitOf(limit)).toBe(90);
    expect(limit.snapshot().gauges.inFlight).toBe(1);
    hung.reject(new TimeoutError('t', 50));
    await clock.advance(1);
    expect(limitOf(limit)).toBe(90);
    expect(limit.snapshot().gauges.inFlight).toBe(0);
  });

  it("does not take the caller's abort for overload", async () => {
    const policy = adaptiveLimit({ initial: 100 });
    const controller = new AbortController();
    const call = policy.execute(
      ({ signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject({ code: 'ETIMEDOUT' }));
        }),
      controller.signal,
    );
    controller.abort('bye');
    await expect(call).rejects.toEqual({ code: 'ETIMEDOUT' });
    expect(policy.snapshot().gauges).toEqual({ limit: 100, inFlight: 0, queued: 0 });
  });

  it.each(['execute', 'tryAcquire'] as const)(
    'the gradient takes no early error for a quick call: %s',
    async (way) => {
      const clock = manualClock();
      const policy = adaptiveLimit({ algorithm: 'gradient', initial: 20, clock });
      const round = async (errors: number, calls: number): Promise<void> => {
        const begin = (): ((error?: Error) => void) => {
          if (way === 'execute') {
            const one = gate();
            policy.execute(() => one.promise).catch(() => {});
            return (error) => (error === undefined ? one.resolve(1) : one.reject(error));
          }
          const permit = policy.tryAcquire();
          if (!permit.granted) return () => {};
          return (error) => (error === undefined ? permit.success() : permit.failure(error));
        };
        const early = Array.from({ length: errors }, begin);
        const others = Array.from({ length: calls }, begin);
        await clock.advance(1);
        for (const end of early) end(new Error('not found'));
        await clock.advance(99);
        for (const end of others) end();
        await clock.advance(0);
      };
      for (let i = 0; i < 20; i++) await round(12, 8);
      for (let i = 0; i < 10; i++) await round(0, 60);
      expect(limitOf(policy)).toBeGreaterThanOrEqual(80);
    },
  );

  it('tells of its limit', () => {
    const policy = adaptiveLimit({ initial: 10 });
    const changes: unknown[] = [];
    using _ = policy.onLimitChange(({ from, to }) => changes.push([from, to]));
    const permit = policy.tryAcquire();
    if (permit.granted) permit.failure({ status: 503 });
    expect(changes).toEqual([[10, 9]]);
  });

  it('learns nothing from a permit that is disposed unsettled', () => {
    const policy = adaptiveLimit({ initial: 10 });
    {
      using permit = policy.tryAcquire();
      expect(permit.granted).toBe(true);
    }
    expect(policy.snapshot().gauges).toEqual({ limit: 10, inFlight: 0, queued: 0 });
  });

  it.each([0, -3_600_000])(
    'keeps a limit where calls take no time by its clock (step %d ms)',
    (stepMs) => {
      let now = 1e7;
      const clock = { now: () => now, wall: () => now, setTimeout: systemClock.setTimeout };
      const policy = adaptiveLimit({ algorithm: 'gradient', initial: 20, min: 5, max: 100, clock });
      /** Calls at the same time, while the clock goes on so far, or is set back. */
      const calls = (settle: (permit: Permit) => void, during = stepMs): void => {
        const permits = Array.from({ length: 100 }, () => policy.tryAcquire());
        now += during;
        for (const permit of permits) if (permit.granted) settle(permit);
        now += 300 - during;
      };
      for (let i = 0; i < 20; i++) calls((permit) => permit.success());
      calls((permit) => permit.failure({ status: 503 }));
      for (let i = 0; i < 100; i++) {
        calls((permit) => permit.success());
        expect(limitOf(policy)).toBeGreaterThanOrEqual(5);
      }
      expect(limitOf(policy)).toBeLessThanOrEqual(100);
      // It still learns: calls that begin to take long by the same clock lower it.
      const before = limitOf(policy);
      for (let i = 0; i < 3; i++) calls((permit) => permit.success(), 50);
      expect(limitOf(policy)).toBeLessThan(before);
    },
  );

  it.each([
    [
      { algorithm: 'vegas' },
      "adaptiveLimit: algorithm must be one of 'aimd', 'gradient', got 'vegas'",
    ],
    [{ min: 0 }, 'adaptiveLimit: min must be an integer >= 1, got 0'],
    [{ min: 10, max: 5 }, 'adaptiveLimit: max must be an integer >= 10, got 5'],
    [{ initial: 2 }, 'adaptiveLimit: initial must be an integer >= 5 and <= 1000, got 2'],
    [{ isOverload: true }, 'adaptiveLimit: isOverload must be a function, got true'],
    [{ start: 1 }, "adaptiveLimit: unknown option 'start'"],
  ])('refuses the options %j', (options, message) => {
    expect(() => adaptiveLimit(options as never)).toThrow(message);
  });

  it('fits its defaults to the bounds that are given', () => {
    expect(limitOf(adaptiveLimit({ max: 3 }))).toBe(3);
    expect(limitOf(adaptiveLimit({ min: 50 }))).toBe(50);
    expect(limitOf(adaptiveLimit())).toBe(20);
  });
});
