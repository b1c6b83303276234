import { AsyncLocalStorage } from 'node:async_hooks';
import { getEventListeners } from 'node:events';
import {
  isTaskCancelledError,
  timeout as cockatielTimeout,
  TimeoutStrategy,
  wrap,
} from 'cockatiel';
import { type Clock, compose, deadline, deadlineOf, fallback } from '@fournines/core';
import { manualClock, useManualClock } from '@fournines/core/testing';
import { describe, expect, test, vi } from 'vitest';
import { DeadlineExceededError, TimeoutError, timeout } from '@fournines/timeout';

const never = (): Promise<never> => new Promise(() => {});
const settled = async (promise: Promise<unknown>): Promise<{ value?: unknown; error?: unknown }> =>
  promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );

describe('a call in time', () => {
  test('passes its value on', async () => {
    const policy = timeout({ duration: 100, clock: manualClock() });
    await expect(policy.execute(async () => 7)).resolves.toBe(7);
    await expect(policy.execute(() => undefined)).resolves.toBeUndefined();
    expect(policy.snapshot()).toMatchObject({
      counts: { calls: 2, timeouts: 0, slow: 0, late: 0 },
      gauges: { inFlight: 0 },
    });
  });

  test('passes its own error on, by identity, thrown or rejected', async () => {
    const policy = timeout({ duration: 100, clock: manualClock() });
    const error = new Error('own');
    expect(await settled(policy.execute(() => Promise.reject(error)))).toEqual({ error });
    const thrown = await settled(
      policy.execute(() => {
        throw error;
      }),
    );
    expect(thrown.error).toBe(error);
  });

  test('leaves its signal unaborted', async () => {
    const clock = manualClock();
    let signal: AbortSignal | undefined;
    await timeout({ duration: 100, clock }).execute((context) => {
      ({ signal } = context);
    });
    await clock.advance(1_000);
    expect(signal?.aborted).toBe(false);
  });

  test('is announced as slow above slowRatio', async () => {
    const clock = manualClock();
    const policy = timeout({ duration: 100, clock, slowRatio: 0.8 });
    const slow: unknown[] = [];
    policy.onSlow((event) => slow.push(event));
    const gate = Promise.withResolvers<void>();
    const call = policy.execute(() => gate.promise);
    await clock.advance(80);
    gate.resolve();
    await call;
    expect(slow).toEqual([{ type: 'slow', at: 80, elapsedMs: 80, durationMs: 100 }]);
    expect(policy.snapshot().counts.slow).toBe(1);
  });
});

describe('a call out of time', () => {
  test('answers with a TimeoutError that is the reason of the callee’s signal', async () => {
    const clock = manualClock();
    const policy = timeout({ duration: 100, name: 'db', clock });
    let reason: unknown;
    const call = settled(
      policy.execute(({ signal }) => {
        signal.addEventListener('abort', () => (reason = signal.reason));
        return never();
      }),
    );
    await clock.advance(99);
    expect(reason).toBeUndefined();
    await clock.advance(1);
    const { error } = await call;
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error).toMatchObject({ policy: 'db', code: 'ETIMEDOUT', durationMs: 100 });
    expect(isTaskCancelledError(error)).toBe(true);
    expect(reason).toBe(error);
  });

  test('is reported when its work ends after all', async () => {
    const clock = manualClock();
    const policy = timeout({ duration: 100, clock });
    const late: unknown[] = [];
    policy.onLate((event) => late.push(event));
    const gate = Promise.withResolvers<number>();
    const call = settled(policy.execute(() => gate.promise));
    await clock.advance(100);
    await call;
    await clock.advance(50);
    gate.resolve(1);
    await clock.advance(0);
    expect(late).toEqual([{ type: 'late', at: 150, ok: true, elapsedMs: 150, durationMs: 100 }]);
    expect(policy.snapshot().counts).toEqual({ calls: 1, timeouts: 1, slow: 0, late: 1 });
  });

  test('is not late when its work does nothing but heed the abort', async () => {
    const clock = manualClock();
    const policy = timeout({ duration: 100, clock });
    const heeding = ({ signal }: { signal: AbortSignal }): Promise<never> =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error));
      });
    const timedOut = settled(policy.execute(heeding));
    const caller = new AbortController();
    const abandoned = settled(policy.execute(heeding, caller.signal));
    caller.abort(new Error('gave up'));
    await clock.advance(100);
    await Promise.all([timedOut, abandoned]);
    expect(policy.snapshot().counts).toMatchObject({ calls: 2, timeouts: 1, late: 0 });
  });

  test('raises no unhandled rejection when its work fails late', async () => {
    const unhandled: unknown[] = [];
    const listen = (error: unknown): void => void unhandled.push(error);
    process.on('unhandledRejection', listen);
    const clock = manualClock();
    const gate = Promise.withResolvers<never>();
    const call = settled(timeout({ duration: 10, clock }).execute(() => gate.promise));
    await clock.advance(10);
    await call;
    gate.reject(new Error('late'));
    await clock.advance(0);
    process.off('unhandledRejection', listen);
    expect(unhandled).toEqual([]);
  });

  test('waits for the callee in cooperative mode, and keeps its own error', async () => {
    const clock = manualClock();
    const policy = timeout({ duration: 100, mode: 'cooperative', clock });
    const own = new Error('rolled back');
    let isSettled = false;
    const gate = Promise.withResolvers<never>();
    const call = settled(policy.execute(() => gate.promise)).finally(() => (isSettled = true));
    await clock.advance(500);
    expect(isSettled).toBe(false);
    gate.reject(own);
    expect((await call).error).toBe(own);
  });

  test('is a TimeoutError in cooperative mode when the callee only heeds the abort', async () => {
    const clock = manualClock();
    const policy = timeout({ duration: 100, mode: 'cooperative', clock });
    const call = settled(
      policy.execute(
        ({ signal }) =>
          new Promise((_resolve, reject) => {
            signal.addEventListener('abort', () =>
              reject(new DOMException('This operation was aborted', 'AbortError')),
            );
          }),
      ),
    );
    await clock.advance(100);
    expect((await call).error).toBeInstanceOf(TimeoutError);
  });

  test('gives the callee its grace to say more, and no longer', async () => {
    const clock = manualClock();
    const policy = timeout({ duration: 100, grace: 20, clock });
    const richer = new Error('statement cancelled at row 7');
    const talkative = settled(
      policy.execute(
        ({ signal }) =>
          new Promise((_resolve, reject) => {
            signal.addEventListener('abort', () => clock.setTimeout(() => reject(richer), 10));
          }),
      ),
    );
    await clock.advance(110);
    expect((await talkative).error).toBe(richer);
    const mute = settled(policy.execute(never));
    await clock.advance(120);
    expect((await mute).error).toBeInstanceOf(TimeoutError);
  });
});

describe('the caller’s abort', () => {
  test('answers at once with its reason by identity, and leaves no listener behind', async () => {
    const controller = new AbortController();
    const policy = timeout({ duration: 100, clock: manualClock() });
    const call = settled(policy.execute(never, controller.signal));
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(1);
    const reason = { gone: true };
    controller.abort(reason);
    expect((await call).error).toBe(reason);
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
    expect(policy.snapshot()).toMatchObject({ counts: { timeouts: 0 }, gauges: { inFlight: 0 } });
  });

  test('never starts a call whose signal is aborted already', async () => {
    let calls = 0;
    const policy = timeout({ duration: 100, clock: manualClock() });
    const call = policy.execute(() => (calls += 1), AbortSignal.abort('gone'));
    await expect(call).rejects.toBe('gone');
    expect(calls).toBe(0);
  });

  test('shares one listener between calls', async () => {
    const { signal } = new AbortController();
    const policy = timeout({ duration: 100, clock: manualClock() });
    const gate = Promise.withResolvers<void>();
    const calls = Array.from({ length: 1_000 }, () => policy.execute(() => gate.promise, signal));
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    gate.resolve();
    await Promise.all(calls);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });
});

describe('deadlines', () => {
  test('the context knows how much time is left; an inner deadline never outlasts the outer', async () => {
    const clock = manualClock();
    const policy = compose(timeout({ duration: 50, clock }), timeout({ duration: 100, clock }));
    await policy.execute(({ deadline: inner, signal }) => {
      expect(inner.remainingMs).toBe(50);
      expect(deadlineOf(signal)?.at).toBe(50);
    });
    using outer = deadline(30, undefined, { clock });
    await policy.execute(({ deadline: inner }) => {
      expect(inner.remainingMs).toBe(30);
    }, outer.signal);
  });

  test('cross cockatiel’s wrap', async () => {
    const clock = manualClock();
    const policy = wrap(timeout({ duration: 50, clock }), timeout({ duration: 100, clock }));
    await policy.execute(({ deadline: inner }) => {
      expect(inner.remainingMs).toBe(50);
    });
  });

  test('refuse what has no time left', async () => {
    const clock = manualClock();
    using outer = deadline(30, undefined, { clock });
    const { signal } = new AbortController();
    // A signal that carries a deadline and is late to be aborted.
    Object.assign(signal, { [Symbol.for('@fournines/core/deadline')]: outer.deadline });
    await clock.advance(30);
    let calls = 0;
    const { error } = await settled(
      timeout({ duration: 100, clock }).execute(() => (calls += 1), signal),
    );
    expect(error).toBeInstanceOf(DeadlineExceededError);
    expect(calls).toBe(0);
  });

  test('Infinity is off, and the context has a deadline all the same', async () => {
    await timeout(Infinity).execute(({ deadline: none }) => {
      expect(none.remainingMs).toBe(Infinity);
    });
  });

  test('longer than 2³¹−1 ms does not fire at once', async () => {
    await expect(timeout(2 ** 31).execute(async () => 'kept')).resolves.toBe('kept');
  });
});

describe('options', () => {
  test.each([0, -1, Number.NaN])('refuses a duration of %s', (duration) => {
    expect(() => timeout(duration)).toThrow(
      `timeout: duration must be > 0 (Infinity is allowed), got`,
    );
  });

  test('refuses what does not exist', () => {
    expect(() => timeout({ duration: 1, retries: 3 } as never)).toThrow("unknown option 'retries'");
    expect(() => timeout({ duration: 1, mode: 'lazy' as never })).toThrow("'race', 'cooperative'");
    expect(() => timeout({ duration: 1, mode: 'cooperative', grace: 5 })).toThrow(
      'grace must be 0',
    );
    expect(() => timeout({ duration: 1, slowRatio: 80 })).toThrow(
      'slowRatio must be >= 0 and <= 1',
    );
  });

  test('takes each call’s duration from a function; one that throws gives 30 000 ms', async () => {
    const clock = manualClock();
    const policy = timeout({ duration: () => 20, clock });
    const call = settled(policy.execute(never));
    await clock.advance(20);
    expect((await call).error).toMatchObject({ durationMs: 20 });
    const broken = timeout({
      duration: () => {
        throw new Error('no idea');
      },
      clock,
    });
    await broken.execute(({ deadline: own }) => expect(own.remainingMs).toBe(30_000));
  });
});

describe('in company', () => {
  test('answers inside and outside of cockatiel’s own timeout', async () => {
    const clock = manualClock();
    const theirs = cockatielTimeout(60_000, TimeoutStrategy.Aggressive);
    for (const policy of [
      wrap(timeout({ duration: 10, clock }), theirs),
      wrap(theirs, timeout({ duration: 10, clock })),
      compose(theirs, timeout({ duration: 10, clock })),
      compose(
        fallback(() => false, 0),
        timeout({ duration: 10, clock }),
        theirs,
      ),
    ]) {
      const call = settled(policy.execute(never));
      await clock.advance(10);
      expect((await call).error).toBeInstanceOf(TimeoutError);
    }
  });

  test('keeps each call’s asynchronous context when the shared timer answers', async () => {
    const clock = manualClock();
    const storage = new AsyncLocalStorage<number>();
    const seen: unknown[] = [];
    const policy = compose(
      fallback(
        () => true,
        () => seen.push(storage.getStore()),
      ),
      timeout({ duration: 10, clock }),
    );
    const calls = [1, 2].map((n) => storage.run(n, () => policy.execute(never)));
    await clock.advance(10);
    await Promise.all(calls);
    expect(seen).toEqual([1, 2]);
  });

  test('is never early on the system’s clock', async () => {
    const policy = timeout(5);
    const elapsed = await Promise.all(
      Array.from({ length: 200 }, async () => {
        const start = performance.now();
        await settled(policy.execute(never));
        return performance.now() - start;
      }),
    );
    expect(Math.min(...elapsed)).toBeGreaterThanOrEqual(5);
  });
});

describe('what the callee says after the abort', () => {
  test('an error that is only called AbortError is its own', async () => {
    const clock = manualClock();
    const lost = Object.assign(new Error('Command aborted due to connection close'), {
      name: 'AbortError',
    });
    const policy = timeout({ duration: 10, grace: 10, clock });
    const call = settled(
      policy.execute(
        ({ signal }) =>
          new Promise((_resolve, reject) => {
            signal.addEventListener('abort', () => reject(lost));
          }),
      ),
    );
    await clock.advance(20);
    expect((await call).error).toBe(lost);
  });

  test('a callee that obeys long after the answer is late; a timeout further in is an echo', async () => {
    const clock = manualClock();
    const outer = timeout({ duration: 10, clock });
    const inner = timeout({ duration: 1_000, clock });
    const call = settled(
      compose(outer, inner).execute(
        ({ signal }) =>
          new Promise((_resolve, reject) => {
            signal.addEventListener('abort', () =>
              clock.setTimeout(() => reject(signal.reason), 500),
            );
          }),
      ),
    );
    await clock.advance(10);
    await call;
    expect([outer.snapshot().counts.late, inner.snapshot().counts.late]).toEqual([0, 0]);
    await clock.advance(500);
    expect([outer.snapshot().counts.late, inner.snapshot().counts.late]).toEqual([0, 1]);
  });

  test.each([{ mode: 'cooperative' as const }, { grace: 50 }])(
    'a value after time is up that the caller still gets, %o, is neither late nor slow',
    async (options) => {
      const clock = manualClock();
      const policy = timeout({ duration: 10, clock, ...options });
      const gate = Promise.withResolvers<string>();
      const call = settled(policy.execute(() => gate.promise));
      await clock.advance(20);
      gate.resolve('done');
      expect((await call).value).toBe('done');
      expect(policy.snapshot().counts).toEqual({ calls: 1, timeouts: 1, slow: 0, late: 0 });
    },
  );

  test('a grace that was not needed leaves no timer', async () => {
    const clock = manualClock();
    const policy = timeout({ duration: 10, grace: 5_000, clock });
    const call = settled(
      policy.execute(
        ({ signal }) =>
          new Promise((_resolve, reject) => {
            signal.addEventListener('abort', () => reject(signal.reason));
          }),
      ),
    );
    await clock.advance(10);
    expect((await call).error).toBeInstanceOf(TimeoutError);
    expect(policy.snapshot().gauges.inFlight).toBe(0);
  });
});

test('a call that came too late is counted and announced', async () => {
  const clock = manualClock();
  using outer = deadline(30, undefined, { clock });
  const { signal } = new AbortController();
  Object.assign(signal, { [Symbol.for('@fournines/core/deadline')]: outer.deadline });
  await clock.advance(30);
  const policy = timeout({ duration: 100, clock });
  const seen: unknown[] = [];
  policy.onTimeout((event) => seen.push(event.error));
  const { error } = await settled(policy.execute(() => 1, signal));
  expect(seen).toEqual([error]);
  expect(policy.snapshot().counts.timeouts).toBe(1);
});

describe('a stand-in for the system’s clock that is gone', () => {
  test('leaves no timer behind that later calls would wait for', async () => {
    const policy = timeout(20);
    {
      using clock = useManualClock({ now: 1e9 });
      await policy.execute(() => 1);
      expect(clock.now()).toBe(1e9);
    }
    await expect(policy.execute(never)).rejects.toThrow(TimeoutError);
    vi.useFakeTimers();
    try {
      const call = settled(policy.execute(never));
      await vi.advanceTimersByTimeAsync(25);
      expect((await call).error).toBeInstanceOf(TimeoutError);
      await policy.execute(() => 1);
    } finally {
      vi.useRealTimers();
    }
    await expect(policy.execute(never)).rejects.toThrow(TimeoutError);
  });

  test('a clock that fails once fails no later call', async () => {
    const manual = manualClock();
    let isBroken = true;
    const clock: Clock = {
      now: () => manual.now(),
      wall: () => manual.wall(),
      setTimeout(fn, ms) {
        if (isBroken) throw new Error('no timer');
        return manual.setTimeout(fn, ms);
      },
    };
    const policy = timeout({ duration: 20, clock });
    await expect(policy.execute(() => 1)).rejects.toThrow('no timer');
    isBroken = false;
    expect(policy.snapshot().gauges.inFlight).toBe(0);
    const call = settled(policy.execute(never));
    await manual.advance(25);
    expect((await call).error).toBeInstanceOf(TimeoutError);
  });
});
