import { getEventListeners } from 'node:events';
import { compose, deadline } from '@fournines/core';
import { manualClock } from '@fournines/core/testing';
import { exponential, retry } from '@fournines/retry';
import { describe, expect, test } from 'vitest';
import {
  DeadlineExceededError,
  TimeoutError,
  type TimeoutEvent,
  timeout,
} from '@fournines/timeout';

const never = (): Promise<never> => new Promise(() => {});
const settled = async (promise: Promise<unknown>): Promise<{ value?: unknown; error?: unknown }> =>
  promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
const refused = (): Error => Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
const every = (delay: number) => exponential({ initial: delay, max: delay, jitter: 'none' });

describe('a total timeout around a retry', () => {
  test('bounds the attempts and the sleeps between them', async () => {
    const clock = manualClock();
    const starts: number[] = [];
    const policy = compose(
      timeout({ duration: 100, name: 'total', clock }),
      retry({ clock, maxAttempts: 10, backoff: every(30), idempotent: true }),
    );
    const call = settled(
      policy.execute(async () => {
        starts.push(clock.now());
        const gate = Promise.withResolvers<void>();
        clock.setTimeout(gate.resolve, 15);
        await gate.promise;
        throw refused();
      }),
    );
    await clock.advance(100);
    // Attempts of 15 ms at 0, 45 and 90; the third is cut off.
    expect((await call).error).toMatchObject({ policy: 'total', durationMs: 100 });
    expect(starts).toEqual([0, 45, 90]);
    await clock.advance(1_000);
    expect(starts).toHaveLength(3);
    expect(clock.timers).toBe(0);
  });

  test('lets no sleep begin that would end after it', async () => {
    const clock = manualClock();
    const policy = compose(
      timeout({ duration: 100, clock }),
      retry({ clock, maxAttempts: 10, backoff: every(150) }),
    );
    const error = refused();
    const { error: seen } = await settled(policy.execute(() => Promise.reject(error)));
    expect(seen).toBe(error);
    expect(clock.now()).toBe(0);
  });

  test('ends a blocked attempt, aborts its signal, and starts no other', async () => {
    const clock = manualClock();
    let calls = 0;
    let reason: unknown;
    const policy = compose(
      timeout({ duration: 100, name: 'total', clock }),
      retry({ clock, idempotent: true, backoff: every(1) }),
    );
    const call = settled(
      policy.execute(({ signal }) => {
        calls += 1;
        signal.addEventListener('abort', () => (reason = signal.reason));
        return never();
      }),
    );
    await clock.advance(1_000);
    expect((await call).error).toBeInstanceOf(TimeoutError);
    expect(reason).toBe((await call).error);
    expect(calls).toBe(1);
  });
});

describe('a timeout inside of a retry', () => {
  test('gives each attempt its full time, unless less remains in total', async () => {
    const clock = manualClock();
    const times: number[] = [];
    const policy = compose(
      timeout({ duration: 100, name: 'total', clock }),
      retry({ clock, maxAttempts: 10, idempotent: true, backoff: every(10) }),
      timeout({ duration: 40, name: 'attempt', clock }),
    );
    const call = settled(
      policy.execute(({ deadline: inner }) => {
        times.push(inner.remainingMs);
        return never();
      }),
    );
    await clock.advance(100);
    // At 0 and 50 with all of their 40 ms; the wait that would end at 100 is not begun.
    expect(times).toEqual([40, 40]);
    expect((await call).error).toMatchObject({ policy: 'attempt', durationMs: 40 });
    expect(clock.now()).toBe(100);
  });

  test('shows an attempt what is left of the total when that is less', async () => {
    const clock = manualClock();
    const times: number[] = [];
    const policy = compose(
      timeout({ duration: 70, name: 'total', clock }),
      retry({ clock, maxAttempts: 10, idempotent: true, backoff: every(10) }),
      timeout({ duration: 40, name: 'attempt', clock }),
    );
    const call = settled(
      policy.execute(({ deadline: inner }) => {
        times.push(inner.remainingMs);
        return never();
      }),
    );
    await clock.advance(70);
    expect(times).toEqual([40, 20]);
    expect((await call).error).toMatchObject({ policy: 'total', durationMs: 70 });
  });

  test('repeats a blocked attempt, each aborted with its own error, until none is left', async () => {
    const clock = manualClock();
    const reasons: unknown[] = [];
    const policy = compose(
      retry({ clock, maxAttempts: 3, idempotent: true, backoff: every(10) }),
      timeout({ duration: 40, clock }),
    );
    const call = settled(
      policy.execute(({ signal }) => {
        signal.addEventListener('abort', () => reasons.push(signal.reason));
        return never();
      }),
    );
    await clock.advance(140);
    expect(reasons).toHaveLength(3);
    expect(new Set(reasons).size).toBe(3);
    expect((await call).error).toBe(reasons[2]);
  });

  test('is not running while the retry sleeps', async () => {
    const clock = manualClock();
    let calls = 0;
    const attempt = timeout({ duration: 40, clock });
    const policy = compose(retry({ clock, maxAttempts: 2, backoff: every(1_000) }), attempt);
    const call = settled(
      policy.execute(() => {
        calls += 1;
        if (calls === 1) throw refused();
        return 'kept';
      }),
    );
    await clock.advance(500);
    expect(attempt.snapshot()).toMatchObject({ counts: { timeouts: 0 }, gauges: { inFlight: 0 } });
    await clock.advance(500);
    expect(await call).toEqual({ value: 'kept' });
  });
});

describe('work that comes too late', () => {
  test('is not run, counted, announced', async () => {
    const clock = manualClock();
    const policy = timeout({ duration: 100, name: 'late', clock });
    const events: TimeoutEvent[] = [];
    policy.onTimeout((event) => events.push(event));
    let calls = 0;
    const expired = { at: 0, remainingMs: 0, expired: true };
    const { signal } = new AbortController();
    // As an outer policy hands it on whose own abort has not come through yet.
    const context = { signal, deadline: expired };
    const { error } = await settled(policy.execute(() => (calls += 1), context));
    expect(error).toBeInstanceOf(DeadlineExceededError);
    expect(calls).toBe(0);
    expect(policy.snapshot()).toMatchObject({
      counts: { calls: 1, timeouts: 1, late: 0 },
      gauges: { inFlight: 0 },
    });
    expect(events).toEqual([{ type: 'timeout', at: 0, error, durationMs: 0 }]);
    expect(clock.timers).toBe(0);
  });

  test('is run while a moment is left, which is not rounded away', async () => {
    const clock = manualClock();
    const policy = timeout({ duration: 100, clock });
    using scope = deadline(0.5, undefined, { clock });
    await expect(policy.execute(() => 'run', scope.signal)).resolves.toBe('run');
  });
});

describe('nested timeouts', () => {
  test('the outer one answers when it is the earlier', async () => {
    const clock = manualClock();
    const outer = timeout({ duration: 30, name: 'outer', clock });
    const inner = timeout({ duration: 80, name: 'inner', clock });
    for (const run of [
      () => compose(outer, inner).execute(never),
      () => outer.execute((context) => inner.execute(never, context)),
      () => outer.execute(({ signal }) => inner.execute(never, signal)),
    ]) {
      const call = settled(run());
      await clock.advance(30);
      expect((await call).error).toMatchObject({ policy: 'outer', durationMs: 30 });
      await clock.advance(100);
    }
    expect(outer.snapshot().counts.timeouts).toBe(3);
    expect(inner.snapshot()).toMatchObject({ counts: { timeouts: 0 }, gauges: { inFlight: 0 } });
  });

  test('the inner one when it is', async () => {
    const clock = manualClock();
    const outer = timeout({ duration: 80, name: 'outer', clock });
    const inner = timeout({ duration: 30, name: 'inner', clock });
    const call = settled(compose(outer, inner).execute(never));
    await clock.advance(30);
    expect((await call).error).toMatchObject({ policy: 'inner' });
    await clock.advance(100);
    expect(outer.snapshot()).toMatchObject({ counts: { timeouts: 0 }, gauges: { inFlight: 0 } });
  });
});

describe('a callee that swallows the abort', () => {
  const swallowing =
    (ms: number, clock: ReturnType<typeof manualClock>) =>
    ({ signal }: { signal: AbortSignal }): Promise<string> => {
      const gate = Promise.withResolvers<string>();
      clock.setTimeout(() => gate.resolve(signal.aborted ? 'after its abort' : 'in time'), ms);
      return gate.promise;
    };

  test('keeps its value when that comes in time', async () => {
    const clock = manualClock();
    const call = settled(timeout({ duration: 100, clock }).execute(swallowing(99, clock)));
    await clock.advance(99);
    expect(await call).toEqual({ value: 'in time' });
  });

  test('keeps it within its grace, and in cooperative mode; it counts as neither late nor slow', async () => {
    for (const options of [{ grace: 20 }, { mode: 'cooperative' }] as const) {
      const clock = manualClock();
      const policy = timeout({ duration: 100, clock, ...options });
      const call = settled(policy.execute(swallowing(110, clock)));
      await clock.advance(110);
      expect(await call).toEqual({ value: 'after its abort' });
      expect(policy.snapshot()).toEqual({
        status: 'up',
        counts: { calls: 1, timeouts: 1, slow: 0, late: 0 },
        gauges: { inFlight: 0 },
      });
    }
  });
});

test('a signal is not aborted after success, nor after an error of the callee’s own', async () => {
  const clock = manualClock();
  const policy = timeout({ duration: 100, clock });
  const caller = new AbortController();
  const signals: AbortSignal[] = [];
  for (const end of [() => 'value', () => Promise.reject(refused())]) {
    await settled(
      policy.execute(({ signal }) => {
        signals.push(signal);
        return end();
      }, caller.signal),
    );
  }
  await clock.advance(1_000);
  caller.abort();
  expect(signals.map(({ aborted }) => aborted)).toEqual([false, false]);
  expect(getEventListeners(caller.signal, 'abort')).toEqual([]);
});

test('the stack points at the caller, when asked: its first frame is no frame of ours', async () => {
  const clock = manualClock();
  const call = settled(timeout({ duration: 10, captureStack: true, clock }).execute(never));
  await clock.advance(10);
  const [head, first] = ((await call).error as Error).stack?.split('\n') ?? [];
  expect(head).toMatch(/^TimeoutError: timeout-\d+: timed out after 10 ms$/);
  expect(first).toContain('conformance.test.ts');
});

test('Infinity is no limit for slowRatio either', async () => {
  const policy = timeout({ duration: Infinity, slowRatio: 0, clock: manualClock() });
  await policy.execute(() => 'x');
  expect(policy.snapshot().counts.slow).toBe(0);
});
