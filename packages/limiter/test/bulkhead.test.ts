import { AsyncLocalStorage } from 'node:async_hooks';
import {
  BulkheadRejectedError,
  isBulkheadRejectedError,
  retry as cockatielRetry,
  handleAll,
  noop,
  timeout as cockatielTimeout,
  TimeoutStrategy,
  wrap,
} from 'cockatiel';
import { type Clock, LimitRejectedError, compose, definePolicy } from '@fournines/core';
import { manualClock } from '@fournines/core/testing';
import { describe, expect, it } from 'vitest';
import { bulkhead } from '../src/index.ts';
import { gate, gates, settled } from './gates.ts';

describe('bulkhead', () => {
  it('runs at most maxConcurrent calls and refuses the next at once', async () => {
    const policy = bulkhead({ maxConcurrent: 2, name: 'db' });
    const [a, b] = [gate(), gate()];
    const first = policy.execute(() => a.promise);
    const second = policy.execute(() => b.promise);
    let ran = false;
    const error = await policy.execute(() => (ran = true)).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(LimitRejectedError);
    expect(error).toBeInstanceOf(BulkheadRejectedError);
    expect(isBulkheadRejectedError(error as Error)).toBe(true);
    expect(error).toMatchObject({
      policy: 'db',
      code: 'ELIMITED',
      retryAfterMs: undefined,
      message: 'db: full (2 of 2 running, 0 of 0 waiting)',
    });
    expect(ran).toBe(false);
    a.resolve('a');
    expect(await first).toBe('a');
    expect(await policy.execute(() => 'third')).toBe('third');
    b.resolve('b');
    expect(await second).toBe('b');
    expect(policy.snapshot().counts).toEqual({
      admitted: 3,
      queued: 0,
      rejected: { full: 1, 'max-wait': 0 },
    });
  });

  it('starts those who wait in order of arrival, and refuses when the queue is full', async () => {
    const policy = bulkhead({ maxConcurrent: 1, maxQueue: 2 });
    const running = gate();
    const order: string[] = [];
    const first = policy.execute(() => running.promise);
    const second = policy.execute(() => void order.push('second'));
    const third = policy.execute(() => void order.push('third'));
    await expect(policy.execute(noopFn)).rejects.toMatchObject({ code: 'ELIMITED' });
    expect(policy.snapshot()).toMatchObject({
      status: 'degraded',
      gauges: { limit: 1, inFlight: 1, queued: 2 },
    });
    running.resolve(undefined);
    await Promise.all([first, second, third]);
    expect(order).toEqual(['second', 'third']);
    expect(policy.snapshot()).toMatchObject({
      status: 'up',
      counts: { admitted: 3, queued: 2 },
      gauges: { inFlight: 0, queued: 0 },
    });
  });

  it('starts the newest first when the order is lifo', async () => {
    const policy = bulkhead({ maxConcurrent: 1, maxQueue: 3, order: 'lifo' });
    const running = gate();
    const order: number[] = [];
    const calls = [policy.execute(() => running.promise)];
    for (const n of [1, 2, 3]) calls.push(policy.execute(() => void order.push(n)));
    running.resolve(undefined);
    await Promise.all(calls);
    expect(order).toEqual([3, 2, 1]);
  });

  it('starts a higher priority first and displaces nobody', async () => {
    const policy = bulkhead({ maxConcurrent: 1, maxQueue: 4 });
    const running = gate();
    const order: string[] = [];
    const call = (name: string, priority?: number): Promise<unknown> =>
      policy.execute(() => void order.push(name), priority === undefined ? {} : { priority });
    const calls = [
      policy.execute(() => running.promise),
      call('low', -1),
      call('plain'),
      call('high', 5),
      call('not a rank', Number.NaN),
    ];
    await expect(call('highest', 100)).rejects.toMatchObject({ code: 'ELIMITED' });
    running.resolve(undefined);
    await Promise.all(calls);
    expect(order).toEqual(['high', 'plain', 'not a rank', 'low']);
  });

  it('lets a call that is aborted leave the queue at once, by the reason itself (failsafe 50)', async () => {
    const policy = bulkhead({ maxConcurrent: 1, maxQueue: 5 });
    const running = gate();
    const first = policy.execute(() => running.promise);
    const controller = new AbortController();
    let ran = false;
    const waiting = policy.execute(() => (ran = true), controller.signal);
    const reason = { why: 'gone' };
    controller.abort(reason);
    expect(policy.snapshot().gauges.queued).toBe(0);
    await expect(waiting).rejects.toBe(reason);
    running.resolve(undefined);
    await first;
    expect(ran).toBe(false);
    expect(policy.snapshot().gauges.inFlight).toBe(0);
    expect(await policy.execute(() => 'next')).toBe('next');
  });

  it('never starts a call whose signal is aborted by an earlier listener that frees the slot', async () => {
    const policy = bulkhead({ maxConcurrent: 1, maxQueue: 5 });
    const controller = new AbortController();
    const permit = policy.tryAcquire();
    controller.signal.addEventListener('abort', () => permit[Symbol.dispose]());
    let ran = false;
    const waiting = policy.execute(() => (ran = true), controller.signal);
    controller.abort('bye');
    await expect(waiting).rejects.toBe('bye');
    expect(ran).toBe(false);
    expect(policy.snapshot().gauges).toEqual({ limit: 1, inFlight: 0, queued: 0 });
  });

  it('keeps the slot of a running call that ignores its abort', async () => {
    const policy = bulkhead({ maxConcurrent: 1 });
    const controller = new AbortController();
    const running = gate();
    const first = policy.execute(() => running.promise, controller.signal);
    controller.abort('bye');
    await expect(policy.execute(noopFn)).rejects.toMatchObject({ code: 'ELIMITED' });
    running.resolve('done');
    expect(await first).toBe('done');
    expect(policy.snapshot().gauges.inFlight).toBe(0);
  });

  it('holds no timer for a call that was aborted while it waited', async () => {
    const clock = manualClock();
    let isHeld = false;
    const watched: Clock = {
      now: () => clock.now(),
      wall: () => clock.wall(),
      setTimeout: (fn, ms) => {
        const timer = clock.setTimeout(fn, ms);
        isHeld = true;
        return {
          cancel: () => timer.cancel(),
          ref: () => (isHeld = true),
          unref: () => (isHeld = false),
        };
      },
    };
    const policy = bulkhead({ maxConcurrent: 1, maxQueue: 5, maxWait: 100, clock: watched });
    using slot = policy.tryAcquire();
    expect(slot.granted).toBe(true);
    const controller = new AbortController();
    const call = policy.execute(() => 1, controller.signal);
    expect(isHeld).toBe(true);
    controller.abort('bye');
    await expect(call).rejects.toBe('bye');
    expect(isHeld).toBe(false);
  });

  it('refuses a call that waited longer than maxWait, exactly then', async () => {
    const clock = manualClock();
    const policy = bulkhead({ maxConcurrent: 1, maxQueue: 5, maxWait: 100, clock });
    const running = gate();
    const first = policy.execute(() => running.promise);
    const waiting = settled(policy.execute(noopFn));
    await clock.advance(99);
    expect(waiting.state).toBe('pending');
    await clock.advance(1);
    expect(waiting.state).toBe('rejected');
    expect(waiting.outcome).toMatchObject({
      code: 'ELIMITED',
      message: expect.stringContaining('no slot came free within 100 ms') as string,
    });
    expect(policy.snapshot().counts.rejected).toEqual({ full: 0, 'max-wait': 1 });
    running.resolve(undefined);
    await first;
    expect(policy.snapshot().gauges.inFlight).toBe(0);
  });

  it('leaves no timer behind when the call starts in time', async () => {
    const clock = manualClock();
    const policy = bulkhead({ maxConcurrent: 1, maxQueue: 5, maxWait: 100, clock });
    const [a, b] = [gate(), gate()];
    const first = policy.execute(() => a.promise);
    const second = policy.execute(() => b.promise);
    await clock.advance(50);
    a.resolve(undefined);
    await first;
    await clock.advance(500);
    b.resolve('late but started');
    expect(await second).toBe('late but started');
  });

  it('resize up starts those who wait, in order; resize down blocks until enough have ended (failsafe 50)', async () => {
    const policy = bulkhead({ maxConcurrent: 1, maxQueue: 10 });
    const changes: unknown[] = [];
    using _ = policy.onLimitChange(({ from, to }) => changes.push([from, to]));
    const list = gates(5);
    const started: number[] = [];
    const calls = list.map((one, n) =>
      policy.execute(() => {
        started.push(n);
        return one.promise;
      }),
    );
    expect(started).toEqual([0]);
    policy.resize(3);
    expect(started).toEqual([0, 1, 2]);
    policy.resize(1);
    list[0]?.resolve(0);
    list[1]?.resolve(1);
    await Promise.all(calls.slice(0, 2));
    expect(started).toEqual([0, 1, 2]);
    list[2]?.resolve(2);
    await calls[2];
    expect(started).toEqual([0, 1, 2, 3]);
    list[3]?.resolve(3);
    list[4]?.resolve(4);
    expect(await Promise.all(calls)).toEqual([0, 1, 2, 3, 4]);
    expect(changes).toEqual([
      [1, 3],
      [3, 1],
    ]);
  });

  it('gives slots to those who wait before a call that comes in while they are handed out', async () => {
    const policy = bulkhead({ maxConcurrent: 1, maxQueue: 10 });
    const running = gate();
    const order: string[] = [];
    const first = policy.execute(() => running.promise);
    let nested: Promise<unknown> | undefined;
    const second = policy.execute(() => {
      order.push('second');
      nested = policy.execute(() => void order.push('nested'));
    });
    const third = policy.execute(() => void order.push('third'));
    policy.resize(3);
    running.resolve(undefined);
    await Promise.all([first, second, third]);
    await nested;
    expect(order).toEqual(['second', 'third', 'nested']);
  });

  it('keeps each waiting call in its own asynchronous context', async () => {
    const storage = new AsyncLocalStorage<string>();
    const policy = bulkhead({ maxConcurrent: 1, maxQueue: 10 });
    const seen = await Promise.all(
      ['a', 'b', 'c'].map((id) =>
        storage.run(id, () => policy.execute(async () => Promise.resolve(storage.getStore()))),
      ),
    );
    expect(seen).toEqual(['a', 'b', 'c']);
  });

  it('ends a wait in the asynchronous context of the call that waited', async () => {
    const storage = new AsyncLocalStorage<string>();
    const clock = manualClock();
    const policy = bulkhead({ maxConcurrent: 1, maxQueue: 10, maxWait: 10, clock });
    const seen: unknown[] = [];
    const watch = definePolicy({
      kind: 'watch',
      failure: () => void seen.push(storage.getStore()),
    });
    const permit = policy.tryAcquire();
    const call = storage.run('mine', () => settled(compose(watch, policy).execute(noopFn)));
    await clock.advance(10);
    permit[Symbol.dispose]();
    expect(call.state).toBe('rejected');
    expect(seen).toEqual(['mine']);
  });

  it('tryAcquire takes a slot, never queues, and gives it back once', () => {
    const policy = bulkhead({ maxConcurrent: 1, maxQueue: 10 });
    const permit = policy.tryAcquire();
    expect(permit.granted).toBe(true);
    const refused = policy.tryAcquire();
    expect(refused).toMatchObject({ granted: false, error: { code: 'ELIMITED' } });
    expect(policy.snapshot().gauges.queued).toBe(0);
    if (permit.granted) {
      permit.success('value');
      permit.failure(new Error('too late'));
      permit[Symbol.dispose]();
    }
    expect(policy.snapshot().gauges.inFlight).toBe(0);
    {
      using scoped = policy.tryAcquire();
      expect(scoped.granted).toBe(true);
    }
    expect(policy.snapshot().gauges.inFlight).toBe(0);
  });

  it('tells of refusals, and a listener that calls back in changes nothing', async () => {
    const policy = bulkhead({ maxConcurrent: 1 });
    const events: string[] = [];
    const inner: Promise<unknown>[] = [];
    using _ = policy.onReject((event) => {
      events.push(event.reason);
      if (events.length < 4) inner.push(policy.execute(noopFn).catch((error: unknown) => error));
    });
    const running = gate();
    const first = policy.execute(() => running.promise);
    await expect(policy.execute(noopFn)).rejects.toMatchObject({ code: 'ELIMITED' });
    running.resolve(1);
    await first;
    await Promise.all(inner);
    expect(events).toEqual(['full', 'full', 'full', 'full']);
    expect(policy.snapshot().gauges.inFlight).toBe(0);
  });

  it.each([undefined, null, 0, '', false, Number.NaN])(
    'hands on the falsy result %s',
    async (value) => {
      const policy = bulkhead({ maxConcurrent: 1, maxQueue: 1 });
      expect(
        await Promise.all([policy.execute(() => value), policy.execute(async () => value)]),
      ).toEqual([value, value]);
      await expect(policy.execute(() => Promise.reject(value))).rejects.toBe(value);
      expect(policy.snapshot().gauges.inFlight).toBe(0);
    },
  );

  it('gives the slot back when functions throw synchronously, 100 000 of them in the queue', async () => {
    const policy = bulkhead({ maxConcurrent: 1, maxQueue: Infinity });
    const running = gate();
    const first = policy.execute(() => running.promise);
    const calls = Array.from({ length: 100_000 }, (_, n) =>
      policy
        .execute((): number => {
          throw new RangeError(String(n));
        })
        .catch((error: unknown) => error),
    );
    running.resolve(undefined);
    await first;
    const errors = (await Promise.all(calls)) as Error[];
    expect(errors.every((error, n) => error.message === String(n))).toBe(true);
    expect(policy.snapshot().gauges).toEqual({ limit: 1, inFlight: 0, queued: 0 });
  });

  it('runs 100 000 concurrent calls, never more than its limit at once', async () => {
    const policy = bulkhead({ maxConcurrent: 50, maxQueue: Infinity });
    const controller = new AbortController();
    let running = 0;
    let most = 0;
    const calls = Array.from({ length: 100_000 }, (_, n) =>
      policy.execute(async () => {
        running += 1;
        most = Math.max(most, running);
        await Promise.resolve();
        running -= 1;
        return n;
      }, controller.signal),
    );
    const results = await Promise.all(calls);
    expect(results.every((value, n) => value === n)).toBe(true);
    expect(most).toBe(50);
  });

  it('works inside and around cockatiel policies', async () => {
    const policy = bulkhead({ maxConcurrent: 1, maxQueue: 1 });
    const foreign = [
      noop,
      cockatielRetry(handleAll, { maxAttempts: 1 }),
      cockatielTimeout(10_000, TimeoutStrategy.Cooperative),
    ];
    for (const other of foreign) {
      expect(await wrap(other, policy).execute(() => 1)).toBe(1);
      expect(await wrap(policy, other).execute(() => 2)).toBe(2);
      expect(await compose(other, policy, other).execute(({ signal }) => signal.aborted)).toBe(
        false,
      );
    }
    expect(policy.snapshot().gauges).toEqual({ limit: 1, inFlight: 0, queued: 0 });
  });

  it.each([
    [{}, 'bulkhead: maxConcurrent must be an integer >= 1, got undefined'],
    [{ maxConcurrent: 0 }, 'bulkhead: maxConcurrent must be an integer >= 1, got 0'],
    [{ maxConcurrent: 1.5 }, 'bulkhead: maxConcurrent must be an integer >= 1, got 1.5'],
    [
      { maxConcurrent: 1, maxQueue: -1 },
      'bulkhead: maxQueue must be an integer >= 0 (Infinity is allowed), got -1',
    ],
    [
      { maxConcurrent: 1, maxWait: 0 },
      'bulkhead: maxWait must be > 0 (Infinity is allowed), got 0',
    ],
    [
      { maxConcurrent: 1, order: 'random' },
      "bulkhead: order must be one of 'fifo', 'lifo', got 'random'",
    ],
    [
      { maxConcurrent: 1, max: 3 },
      "bulkhead: unknown option 'max'; known are maxConcurrent, maxQueue, maxWait, order, name, clock",
    ],
  ])('refuses the options %j', (options, message) => {
    expect(() => bulkhead(options as never)).toThrow(message);
  });

  it('refuses to resize to what is no positive integer', () => {
    const policy = bulkhead({ maxConcurrent: 1 });
    expect(() => policy.resize(0)).toThrow(
      'bulkhead: maxConcurrent must be an integer >= 1, got 0',
    );
    expect(policy.snapshot().gauges.limit).toBe(1);
  });
});

const noopFn = (): void => {};
