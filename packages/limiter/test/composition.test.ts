import {
  type CallContext,
  DeadlineExceededError,
  type Policy,
  TimeoutError,
  compose,
  fallback,
} from '@fournines/core';
import { manualClock } from '@fournines/core/testing';
import { timeout } from '@fournines/timeout';
import {
  ConsecutiveBreaker,
  TimeoutStrategy,
  bulkhead as cockatielBulkhead,
  circuitBreaker as cockatielBreaker,
  fallback as cockatielFallback,
  handleAll,
  noop,
  retry as cockatielRetry,
  timeout as cockatielTimeout,
  wrap,
} from 'cockatiel';
import { describe, expect, it } from 'vitest';
import {
  adaptiveLimit,
  adaptiveThrottle,
  bulkhead,
  eventLoopLimit,
  rateLimit,
} from '../src/index.ts';
import { type Gate, gate, gates, settled } from './gates.ts';

const limiters: readonly (readonly [
  string,
  () => Policy & { snapshot(): { readonly gauges?: Readonly<Record<string, number>> } },
])[] = [
  ['bulkhead', () => bulkhead({ maxConcurrent: 1_000_000 })],
  ['queueing bulkhead', () => bulkhead({ maxConcurrent: 3, maxQueue: Infinity })],
  ['adaptiveLimit aimd', () => adaptiveLimit({ initial: 200_000, max: 200_000 })],
  [
    'adaptiveLimit gradient',
    () => adaptiveLimit({ algorithm: 'gradient', initial: 200_000, max: 200_000, min: 200_000 }),
  ],
  ['adaptiveThrottle', () => adaptiveThrottle()],
  ['rateLimit', () => rateLimit({ limit: 1_000_000, interval: 1 })],
  ['eventLoopLimit', () => eventLoopLimit({ maxDelay: 600_000 })],
];

const foreign = [
  ['noop', () => noop],
  ['retry', () => cockatielRetry(handleAll, { maxAttempts: 0 })],
  [
    'breaker',
    () =>
      cockatielBreaker(handleAll, { halfOpenAfter: 1_000, breaker: new ConsecutiveBreaker(100) }),
  ],
  ['cooperative timeout', () => cockatielTimeout(60_000, TimeoutStrategy.Cooperative)],
  ['aggressive timeout', () => cockatielTimeout(60_000, TimeoutStrategy.Aggressive)],
  ['bulkhead', () => cockatielBulkhead(10, 10)],
  ['fallback', () => cockatielFallback(handleAll, 'fallen back')],
] as const;

describe.each(limiters)('%s, composed', (_name, make) => {
  it.each(foreign)("works around and inside cockatiel's %s", async (_kind, makeForeign) => {
    for (const order of [
      () => wrap(makeForeign(), make()),
      () => wrap(make(), makeForeign()),
      () => compose(makeForeign(), make()),
      () => compose(make(), makeForeign()),
    ]) {
      const policy = order();
      for (const value of [1, 0, '', false, null, undefined]) {
        expect(await policy.execute(() => value)).toBe(value);
        expect(await policy.execute(() => Promise.resolve(value))).toBe(value);
      }
      const outcome = await policy
        .execute(({ signal }: CallContext) => {
          if (!(signal instanceof AbortSignal)) throw new TypeError('no signal');
          throw new RangeError('sync');
        })
        .catch((error: unknown) => error);
      expect(outcome === 'fallen back' || outcome instanceof RangeError).toBe(true);
    }
  });

  it('is given back on every way out', async () => {
    const policy = make();
    // oxlint-disable-next-line unicorn/no-thenable -- a thenable that is no promise is what is tested
    const thenable = { then: (resolve: (value: number) => void) => resolve(1) };
    expect(await policy.execute(() => thenable as PromiseLike<number>)).toBe(1);
    await expect(policy.execute(() => Promise.reject(undefined))).rejects.toBe(undefined);
    await expect(
      policy.execute(() => {
        // oxlint-disable-next-line no-throw-literal -- JavaScript lets anything be thrown
        throw null;
      }),
    ).rejects.toBe(null);
    expect(policy.snapshot().gauges?.['inFlight']).toBe(0);
  });

  it('never calls the function when the signal is aborted already', async () => {
    const policy = make();
    let ran = false;
    await expect(policy.execute(() => (ran = true), AbortSignal.abort('early'))).rejects.toBe(
      'early',
    );
    expect(ran).toBe(false);
    expect(policy.snapshot().gauges?.['inFlight']).toBe(0);
  });

  it('carries 100 000 concurrent calls under one signal', async () => {
    const policy = make();
    const { signal } = new AbortController();
    const calls = Array.from({ length: 100_000 }, (_, n) =>
      policy.execute(async () => {
        await Promise.resolve();
        return n;
      }, signal),
    );
    const results = await Promise.all(calls);
    expect(results.every((value, n) => value === n)).toBe(true);
    expect(policy.snapshot().gauges?.['inFlight']).toBe(0);
  });
});

describe('a limiter inside a timeout', () => {
  it('never runs more than its limit when the callee ignores its abort', async () => {
    const clock = manualClock();
    const limit = bulkhead({ maxConcurrent: 2, maxQueue: 1, clock });
    const policy = compose(timeout({ duration: 100, clock }), limit);
    const list: Gate[] = [];
    let running = 0;
    let most = 0;
    const start = (): ReturnType<typeof settled> =>
      settled(
        policy.execute(async () => {
          running += 1;
          most = Math.max(most, running);
          const own = gate();
          list.push(own);
          await own.promise;
          running -= 1;
        }),
      );
    for (let round = 0; round < 4; round++) {
      for (let again = 0; again < 5; again++) {
        const calls = Array.from({ length: 5 }, start);
        await clock.advance(100);
        expect(calls.every(({ state }) => state === 'rejected')).toBe(true);
        expect(limit.snapshot().gauges).toEqual({ limit: 2, inFlight: 2, queued: 0 });
      }
      for (const own of list.splice(0)) own.resolve(undefined);
      await clock.advance(0);
      expect(limit.snapshot().gauges.inFlight).toBe(0);
    }
    expect(most).toBe(2);
  });

  it('says that a call whose time ran out in the queue was never started', async () => {
    const clock = manualClock();
    const limit = bulkhead({ maxConcurrent: 1, maxQueue: 5, clock });
    const policy = compose(timeout({ duration: 100, clock }), limit);
    const running = gate();
    const first = settled(policy.execute(() => running.promise));
    let ran = false;
    const second = settled(policy.execute(() => (ran = true)));
    await clock.advance(100);
    expect(first.outcome).toBeInstanceOf(TimeoutError);
    expect(second.outcome).toBeInstanceOf(DeadlineExceededError);
    running.resolve(undefined);
    await clock.advance(0);
    expect(ran).toBe(false);
    expect(limit.snapshot().gauges).toEqual({ limit: 1, inFlight: 0, queued: 0 });
  });

  it('does not lose a slot that comes free at the moment of the timeout', async () => {
    for (const slotFirst of [true, false]) {
      const clock = manualClock();
      const limit = bulkhead({ maxConcurrent: 1, maxQueue: 5, clock });
      const policy = compose(timeout({ duration: 100, clock }), limit);
      const permit = limit.tryAcquire();
      if (slotFirst) clock.setTimeout(() => permit[Symbol.dispose](), 100);
      const own = gate();
      const call = settled(policy.execute(() => own.promise));
      if (!slotFirst) clock.setTimeout(() => permit[Symbol.dispose](), 100);
      await clock.advance(100);
      expect(call.state).toBe('rejected');
      own.resolve(undefined);
      await clock.advance(0);
      expect(limit.snapshot().gauges).toEqual({ limit: 1, inFlight: 0, queued: 0 });
      expect(await policy.execute(() => 'free')).toBe('free');
    }
  });

  it('holds its slot while the outer fallback has answered', async () => {
    const clock = manualClock();
    const limit = bulkhead({ maxConcurrent: 1, clock });
    const policy = compose(
      fallback(() => true, 'fallen back'),
      timeout({ duration: 100, clock }),
      limit,
    );
    const [own] = gates(1);
    const call = settled(policy.execute(() => own?.promise));
    await clock.advance(100);
    expect(call.outcome).toBe('fallen back');
    expect(limit.snapshot().gauges.inFlight).toBe(1);
    own?.resolve(undefined);
    await clock.advance(0);
    expect(limit.snapshot().gauges.inFlight).toBe(0);
  });
});
