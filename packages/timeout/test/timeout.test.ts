import { compose, deadlineOf, systemClock } from '@fournines/core';
import { manualClock } from '@fournines/core/testing';
import { isTaskCancelledError } from 'cockatiel';
import { expect, test } from 'vitest';
import { DeadlineExceededError, type LateEvent, TimeoutError, timeout } from '../src/index.ts';
import { gate, settled } from './support.ts';

test('answers with the value of a function that settles in time', async () => {
  const policy = timeout(1_000);
  await expect(policy.execute(() => Promise.resolve('value'))).resolves.toBe('value');
  expect(policy.snapshot().counts).toEqual({ calls: 1, timeouts: 0, slow: 0, late: 0 });
  expect(policy.snapshot().gauges.inFlight).toBe(0);
});

test('keeps falsy values, thenables and non-promises as they are', async () => {
  const policy = timeout(1_000);
  for (const value of [undefined, null, 0, '', false, Number.NaN]) {
    expect(await policy.execute(() => value)).toBe(value);
  }
  const thenable = { then: (resolve: (value: number) => void): void => resolve(7) };
  expect(await policy.execute(() => thenable as PromiseLike<number>)).toBe(7);
});

test('rejects with what the function throws, by identity, also when it throws at once', async () => {
  const policy = timeout(1_000);
  const error = new Error('own');
  await expect(policy.execute(() => Promise.reject(error))).rejects.toBe(error);
  await expect(
    policy.execute(() => {
      throw error;
    }),
  ).rejects.toBe(error);
});

test('answers at the moment when time is up, not before', async () => {
  const clock = manualClock();
  const policy = timeout({ duration: 100, clock, name: 'search' });
  const call = settled(policy.execute(() => gate().promise));
  await clock.advance(99.9);
  expect(call.state).toBe('pending');
  await clock.advance(0.1);
  expect(call.state).toBe('rejected');
  expect(call.error).toBeInstanceOf(TimeoutError);
  expect(call.error).toMatchObject({ code: 'ETIMEDOUT', durationMs: 100, policy: 'search' });
  expect(isTaskCancelledError(call.error)).toBe(true);
});

test('aborts the function with the very error that the caller gets', async () => {
  const clock = manualClock();
  const policy = timeout({ duration: 100, clock });
  let signal: AbortSignal | undefined;
  const call = settled(
    policy.execute((context) => {
      ({ signal } = context);
      return gate().promise;
    }),
  );
  await clock.advance(100);
  expect(signal?.aborted).toBe(true);
  expect(signal?.reason).toBe(call.error);
});

test('a signal that is first read after time was up is aborted with the same error', async () => {
  const clock = manualClock();
  const policy = timeout({ duration: 100, clock });
  let read: (() => AbortSignal) | undefined;
  const call = settled(
    policy.execute((context) => {
      read = () => context.signal;
      return gate().promise;
    }),
  );
  await clock.advance(100);
  expect(read?.().reason).toBe(call.error);
});

test('conformance 43: does not abort the signal after a success', async () => {
  const clock = manualClock();
  const policy = timeout({ duration: 100, clock });
  const signal = await policy.execute((context) => context.signal);
  await clock.advance(1_000);
  expect(signal.aborted).toBe(false);
});

test('conformance 1: never runs the function for a caller who has aborted already', async () => {
  const policy = timeout(1_000);
  let runs = 0;
  const reason = new Error('gone');
  await expect(policy.execute(() => (runs += 1), AbortSignal.abort(reason))).rejects.toBe(reason);
  expect(runs).toBe(0);
});

test("answers the caller's abort at once, by identity of its reason, and aborts the function with it", async () => {
  const clock = manualClock();
  const policy = timeout({ duration: 100, clock });
  const controller = new AbortController();
  let inner: AbortSignal | undefined;
  const call = settled(
    policy.execute((context) => {
      inner = context.signal;
      return gate().promise;
    }, controller.signal),
  );
  const reason = { not: 'an error' };
  controller.abort(reason);
  await clock.advance(0);
  expect(call.state).toBe('rejected');
  expect(call.error).toBe(reason);
  expect(inner?.reason).toBe(reason);
  expect(policy.snapshot().counts.timeouts).toBe(0);
  await clock.advance(1_000);
  expect(policy.snapshot().counts.timeouts).toBe(0);
});

test('an outcome that came before the timer was read is kept', async () => {
  const policy = timeout(5);
  const value = await policy.execute(() => {
    const until = performance.now() + 25;
    while (performance.now() < until);
    return 'blocked the loop, but is done';
  });
  expect(value).toBe('blocked the loop, but is done');
});

test('reports what a function did after its caller was answered', async () => {
  const clock = manualClock();
  const policy = timeout({ duration: 100, clock });
  const events: LateEvent[] = [];
  policy.onLate((event) => events.push(event));
  const late = gate<string>();
  const lateError = gate();
  settled(policy.execute(() => late.promise));
  settled(policy.execute(() => lateError.promise));
  await clock.advance(150);
  late.resolve('too late');
  await clock.advance(10);
  const error = new Error('too late');
  lateError.reject(error);
  await clock.advance(0);
  expect(events).toEqual([
    { type: 'late', at: 150, after: 'timeout', lateMs: 50, outcome: { ok: true, value: 'too late' } },
    { type: 'late', at: 160, after: 'timeout', lateMs: 60, outcome: { ok: false, error }, error },
  ]);
  expect(policy.snapshot().counts).toEqual({ calls: 2, timeouts: 2, slow: 0, late: 2 });
});

test('counts and announces a call that was nearly too slow, and no other', async () => {
  const clock = manualClock();
  const policy = timeout({ duration: 100, clock });
  const events: object[] = [];
  policy.onSlow((event) => events.push(event));
  const fast = gate();
  const slow = gate();
  const never = gate();
  for (const { promise } of [fast, slow, never]) settled(policy.execute(() => promise));
  await clock.advance(80);
  fast.resolve();
  await clock.advance(10);
  slow.reject(new Error('slow'));
  await clock.advance(100);
  expect(events).toEqual([
    { type: 'slow', at: 80, elapsedMs: 80, durationMs: 100 },
    { type: 'slow', at: 90, elapsedMs: 90, durationMs: 100 },
  ]);
  expect(policy.snapshot().counts).toEqual({ calls: 3, timeouts: 1, slow: 2, late: 0 });
});

test('slowRatio 0 calls every settled call slow, 1 none', async () => {
  const clock = manualClock();
  const all = timeout({ duration: 100, slowRatio: 0, clock });
  const none = timeout({ duration: 100, slowRatio: 1, clock });
  await all.execute(() => 1);
  const late = gate();
  const call = settled(none.execute(() => late.promise));
  await clock.advance(99);
  late.resolve();
  await clock.advance(0);
  expect(call.state).toBe('resolved');
  expect(all.snapshot().counts.slow).toBe(1);
  expect(none.snapshot().counts.slow).toBe(0);
});

test('Infinity sets no limit but gives the context a deadline all the same', async () => {
  const clock = manualClock();
  const policy = timeout({ duration: Infinity, clock });
  const late = gate<string>();
  let remaining = 0;
  const call = settled(
    policy.execute((context) => {
      remaining = context.deadline.remainingMs;
      expect(context.deadline.expired).toBe(false);
      return late.promise;
    }),
  );
  expect(remaining).toBe(Infinity);
  await clock.advance(1e9);
  expect(clock.timers).toBe(0);
  late.resolve('whenever');
  await clock.advance(0);
  expect(call.value).toBe('whenever');
});

test('the context and its signal carry the deadline', async () => {
  const clock = manualClock({ now: 500 });
  const policy = timeout({ duration: 100, clock });
  await policy.execute(({ deadline, signal }) => {
    expect(deadline.at).toBe(600);
    expect(deadline.remainingMs).toBe(100);
    expect(deadlineOf(signal)?.at).toBe(600);
  });
});

test('durations over 2^31 - 1 ms wait that long', async () => {
  const clock = manualClock();
  const policy = timeout({ duration: 2 ** 31 + 5, clock });
  const call = settled(policy.execute(() => gate().promise));
  await clock.advance(2 ** 31 + 4);
  expect(call.state).toBe('pending');
  await clock.advance(1);
  expect(call.error).toBeInstanceOf(TimeoutError);
  // Node's own timers would fire at once.
  const real = timeout({ duration: 2 ** 31 + 5, unref: true });
  const open = settled(real.execute(() => gate().promise));
  await new Promise((resolve) => systemClock.setTimeout(() => resolve(undefined), 5));
  expect(open.state).toBe('pending');
});

test('a duration may be computed for each call, from its context', async () => {
  const clock = manualClock();
  const policy = timeout({ duration: ({ deadline }) => (deadline?.remainingMs ?? 200) / 2, clock });
  const outer = timeout({ duration: 100, clock });
  await policy.execute(({ deadline }) => expect(deadline.remainingMs).toBe(100));
  await compose(outer, policy).execute(({ deadline }) => expect(deadline.remainingMs).toBe(50));
});

test('a duration that cannot be computed is reported once and gives the call 30 000 ms', async () => {
  const clock = manualClock();
  const warnings: Error[] = [];
  const listen = (warning: Error): void => void warnings.push(warning);
  process.on('warning', listen);
  for (const bad of [Number.NaN, 0, -5, 'soon', undefined, new Error('thrown')]) {
    const duration = (): number => {
      if (bad instanceof Error) throw bad;
      return bad as number;
    };
    const policy = timeout({ duration, clock });
    for (let i = 0; i < 2; i++) {
      await policy.execute(({ deadline }) => expect(deadline.remainingMs).toBe(30_000));
    }
  }
  await clock.advance(0);
  process.off('warning', listen);
  const own = warnings.filter((warning) => warning.message.startsWith('timeout: duration threw'));
  expect(own).toHaveLength(6);
});

test('a duration that aborts the call itself does not run the function', async () => {
  const controller = new AbortController();
  const policy = timeout({
    duration: () => {
      controller.abort('by the duration');
      return 10;
    },
  });
  let runs = 0;
  await expect(policy.execute(() => (runs += 1), controller.signal)).rejects.toBe('by the duration');
  expect(runs).toBe(0);
  expect(policy.snapshot().gauges.inFlight).toBe(0);
});

test.each([
  [0, 'timeout: duration must be > 0 (Infinity is allowed), got 0'],
  [-1, 'timeout: duration must be > 0 (Infinity is allowed), got -1'],
  [Number.NaN, 'timeout: duration must be > 0 (Infinity is allowed), got NaN'],
  ['1s', "timeout: duration must be > 0 (Infinity is allowed), got '1s'"],
  [{ duration: 5, mode: 'fast' }, "timeout: mode must be one of 'race', 'cooperative', got 'fast'"],
  [{ duration: 5, grace: -1 }, 'timeout: grace must be >= 0, got -1'],
  [{ duration: 5, slowRatio: 80 }, 'timeout: slowRatio must be >= 0 and <= 1, got 80'],
  [{ duration: 5, unref: 1 }, 'timeout: unref must be true or false, got 1'],
  [{ duration: 5, captureStack: 'yes' }, "timeout: captureStack must be true or false, got 'yes'"],
  [{ duration: 5, gracePeriod: 1 }, "timeout: unknown option 'gracePeriod'"],
  [{}, 'timeout: duration must be > 0 (Infinity is allowed), got undefined'],
  [null, 'timeout: options must be an object, got null'],
])('refuses the options %j at creation', (options, message) => {
  expect(() => timeout(options as never)).toThrow(message);
});

test('a call that comes after its deadline is not started', async () => {
  const clock = manualClock();
  const outer = timeout({ duration: 100, clock });
  const inner = timeout({ duration: 50, clock, name: 'inner' });
  const passed = await outer.execute((context) => context);
  await clock.advance(100);
  let runs = 0;
  const call = settled(inner.execute(() => (runs += 1), passed));
  await clock.advance(0);
  expect(call.error).toBeInstanceOf(DeadlineExceededError);
  expect(call.error).toMatchObject({ code: 'EDEADLINE', policy: 'inner' });
  expect(runs).toBe(0);
  expect(inner.snapshot().counts).toEqual({ calls: 1, timeouts: 1, slow: 0, late: 0 });
  expect(inner.snapshot().gauges.inFlight).toBe(0);
});
