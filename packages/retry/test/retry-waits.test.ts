import { getEventListeners } from 'node:events';
import { type Clock, DeadlineExceededError, deadline } from '@fournines/core';
import { manualClock, seededRandom } from '@fournines/core/testing';
import { DelegateBackoff, ExponentialBackoff, noJitterGenerator } from 'cockatiel';
import { afterEach, describe, expect, test, vi } from 'vitest';
import {
  type BackoffStep,
  type RetryOptions,
  exponential,
  retry,
  retryInfo,
} from '../src/index.ts';
import { refused, limited, AT_ONCE, failing, watched } from './watched.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

describe('abort', () => {
  test('a signal that is aborted already never runs the function', async () => {
    const { policy } = watched();
    const fn = failing();
    const reason = new Error('early');
    await expect(policy.execute(fn, AbortSignal.abort(reason))).rejects.toBe(reason);
    expect(fn.calls).toBe(0);
  });

  test('an abort ends the wait at once, by identity, and nothing is left behind', async () => {
    const { clock, policy, giveUps } = watched({
      backoff: exponential({ initial: 1_000, jitter: 'none' }),
    });
    const budget = policy.snapshot().gauges.budget;
    const fn = failing(refused(), refused());
    const controller = new AbortController();
    const call = policy.execute(fn, controller.signal);
    await clock.advance(0);
    expect(clock.timers).toBe(1);
    expect(policy.snapshot().gauges.budget).toBe(Number(budget) - 1);
    const reason = { why: 'enough' };
    controller.abort(reason);
    await expect(call).rejects.toBe(reason);
    expect(fn.calls).toBe(1);
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
    expect(giveUps).toMatchObject([{ reason: 'aborted', attempts: 1 }]);
    expect(policy.snapshot().gauges.budget).toBe(budget);
    await clock.advance(10_000);
    expect(fn.calls).toBe(1);
    expect(clock.timers).toBe(0);
  });

  test('an attempt that fails after the abort is not retried, whatever it failed with', async () => {
    const { policy, giveUps } = watched({ backoff: AT_ONCE, shouldRetry: () => true });
    const controller = new AbortController();
    const error = refused();
    const fn = async (): Promise<never> => {
      controller.abort();
      throw error;
    };
    await expect(policy.execute(fn, controller.signal)).rejects.toBe(error);
    expect(giveUps).toMatchObject([{ reason: 'aborted', attempts: 1 }]);
  });

  test('an attempt that goes well in spite of the abort keeps its value', async () => {
    const { policy } = watched();
    const controller = new AbortController();
    const fn = async (): Promise<number> => {
      controller.abort();
      return 7;
    };
    await expect(policy.execute(fn, controller.signal)).resolves.toBe(7);
  });

  test('a listener of onRetry may abort the call', async () => {
    const { clock, policy } = watched({ backoff: exponential({ initial: 100, jitter: 'none' }) });
    const controller = new AbortController();
    const reason = new Error('enough');
    policy.onRetry(() => controller.abort(reason));
    const fn = failing(refused());
    await expect(policy.execute(fn, controller.signal)).rejects.toBe(reason);
    expect([fn.calls, clock.timers]).toEqual([1, 0]);
    const atOnce = watched({ backoff: AT_ONCE });
    const second = new AbortController();
    atOnce.policy.onRetry(() => second.abort(reason));
    await expect(atOnce.policy.execute(failing(refused()), second.signal)).rejects.toBe(reason);
    expect(atOnce.giveUps).toMatchObject([{ reason: 'aborted', attempts: 1 }]);
    expect(atOnce.policy.snapshot()).toMatchObject({
      counts: { attempts: 1, retries: 0 },
      gauges: { budget: 100 },
    });
  });

  test('10 000 calls on one signal leave no listener', async () => {
    const { policy } = watched({ backoff: AT_ONCE, budget: false });
    const { signal } = new AbortController();
    for (let i = 0; i < 10_000; i++) await policy.execute(failing(refused()), signal);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  test('a good call adds no listener to the signal', async () => {
    const { policy } = watched();
    const { signal } = new AbortController();
    const add = vi.spyOn(signal, 'addEventListener');
    await policy.execute(async () => 1, signal);
    expect(add).not.toHaveBeenCalled();
  });
});

describe('delays', () => {
  test('waits by its backoff, and says so', async () => {
    const { clock, policy, retries } = watched({
      backoff: exponential({ initial: 100, jitter: 'none' }),
    });
    const fn = failing(refused(), refused());
    const call = policy.execute(fn);
    await clock.advance(99);
    expect(fn.calls).toBe(1);
    await clock.advance(1);
    expect(fn.calls).toBe(2);
    await clock.advance(200);
    await expect(call).resolves.toBe('ok');
    expect(retries).toMatchObject([
      { type: 'retry', attempt: 0, delayMs: 100, at: 0, classification: { retryable: 'yes' } },
      { type: 'retry', attempt: 1, delayMs: 200, at: 100 },
    ]);
  });

  test('a delay of 0 never touches the clock', async () => {
    const clock = manualClock();
    const now = vi.spyOn(clock, 'now');
    const setTimeout = vi.spyOn(clock, 'setTimeout');
    const policy = retry({ clock, backoff: AT_ONCE, budget: false });
    await expect(policy.execute(failing(refused(), refused()))).resolves.toBe('ok');
    expect(setTimeout).not.toHaveBeenCalled();
    expect(now).not.toHaveBeenCalled();
  });

  test('the same seed gives the same series', async () => {
    const series = async (): Promise<number[]> => {
      const { clock, policy, retries } = watched({ maxAttempts: 5 });
      const call = policy.execute(failing(refused(), refused(), refused(), refused()));
      await clock.advance(10_000);
      await call;
      return retries.map(({ delayMs }) => delayMs);
    };
    const [first, second] = [await series(), await series()];
    expect(first).toHaveLength(4);
    expect(new Set(first).size).toBe(4);
    expect(second).toEqual(first);
  });

  test.each(['full', 'equal', 'decorrelated', 'proportional', 'none'] as const)(
    "waits as exponential's own steps say, with jitter %s, and reports chance that throws",
    async (jitter) => {
      const backoff = exponential({ initial: 100, max: 1_000, jitter });
      const random = seededRandom(7);
      const context = {
        attempt: 1,
        signal: new AbortController().signal,
        result: { error: 1 },
        random,
      };
      const expected: number[] = [];
      let step: BackoffStep | undefined;
      for (let i = 0; i < 6; i++) {
        step = (step ?? backoff).next(context);
        expected.push(step.duration);
      }
      const { clock, policy, retries } = watched({
        backoff,
        maxAttempts: 7,
        random: seededRandom(7),
      });
      const call = policy.execute(failing(...Array.from({ length: 6 }, refused)));
      await clock.advance(10_000);
      await expect(call).resolves.toBe('ok');
      expect(retries.map(({ delayMs }) => delayMs)).toEqual(expected);

      vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
      const unlucky = watched({
        backoff: exponential({ jitter }),
        random: () => {
          throw new Error('bug');
        },
      });
      const other = unlucky.policy.execute(failing(refused()));
      await unlucky.clock.advance(30_000);
      await expect(other).resolves.toBe('ok');
      expect(unlucky.retries).toMatchObject([{ delayMs: jitter === 'none' ? 100 : 30_000 }]);
    },
  );

  test("cockatiel's backoffs are accepted", async () => {
    const exponentialOne = watched({
      backoff: new ExponentialBackoff({ generator: noJitterGenerator, initialDelay: 50 }),
    });
    const call = exponentialOne.policy.execute(failing(refused(), refused()));
    await exponentialOne.clock.advance(1_000);
    await call;
    expect(exponentialOne.retries.map(({ delayMs }) => delayMs)).toEqual([50, 100]);
    const seen: unknown[] = [];
    const error = refused();
    const delegate = watched({
      backoff: new DelegateBackoff((context) => {
        seen.push([context.attempt, context.result, context.signal.aborted]);
        return 0;
      }),
    });
    await delegate.policy.execute(failing(error, error));
    expect(seen).toEqual([
      [1, { error }, false],
      [2, { error }, false],
    ]);
  });

  test.each([
    [
      'throws',
      () => {
        throw new Error('bug');
      },
    ],
    ['is NaN', () => NaN],
    ['is negative', () => -1],
    ['is infinite', () => Infinity],
  ])('a backoff that %s waits 30 s, reported once', async (_how, delay) => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const { clock, policy, retries } = watched({ backoff: new DelegateBackoff(delay) });
    const call = policy.execute(failing(refused(), refused()));
    await clock.advance(60_000);
    await expect(call).resolves.toBe('ok');
    expect(retries.map(({ delayMs }) => delayMs)).toEqual([30_000, 30_000]);
    expect(warn).toHaveBeenCalledTimes(1);
  });

  test('a timer that fires early is started again', async () => {
    const clock = manualClock();
    const early: Clock = {
      now: () => clock.now(),
      wall: () => clock.wall(),
      setTimeout: (fn, ms) => clock.setTimeout(fn, ms - 0.7),
    };
    const policy = retry({ clock: early, backoff: exponential({ initial: 10, jitter: 'none' }) });
    const at: number[] = [];
    const call = policy.execute(async () => {
      at.push(clock.now());
      if (at.length === 1) throw refused();
    });
    await clock.advance(20);
    await call;
    expect(at[1]).toBeGreaterThanOrEqual(10);
  });
});

describe('server delays', () => {
  test('is never shortened, at most a tenth and a second longer', async () => {
    for (let seed = 0; seed < 50; seed++) {
      const { clock, policy, retries } = watched({
        random: seededRandom(seed),
        maxServerDelay: 60_000,
      });
      const call = policy.execute(failing(limited(5), limited(40)));
      await clock.advance(60_000);
      await expect(call).resolves.toBe('ok');
      expect(retries[0]?.delayMs).toBeGreaterThanOrEqual(5_000);
      expect(retries[0]?.delayMs).toBeLessThanOrEqual(5_500);
      expect(retries[1]?.delayMs).toBeGreaterThanOrEqual(40_000);
      expect(retries[1]?.delayMs).toBeLessThanOrEqual(41_000);
    }
  });

  test('0 means at once', async () => {
    const { clock, policy, retries } = watched();
    await expect(policy.execute(failing(limited(0)))).resolves.toBe('ok');
    expect(retries).toMatchObject([{ delayMs: 0 }]);
    expect(clock.timers).toBe(0);
  });

  test.each(['-1', 'soon', '', '0x10'])(
    'an invalid one (%j) leaves it to the backoff',
    async (header) => {
      const { clock, policy, retries } = watched({
        backoff: exponential({ initial: 70, jitter: 'none' }),
      });
      const call = policy.execute(failing(limited(header)));
      await clock.advance(70);
      await expect(call).resolves.toBe('ok');
      expect(retries).toMatchObject([{ delayMs: 70 }]);
    },
  );

  test('the backoff starts anew after it', async () => {
    const { clock, policy, retries } = watched({
      maxAttempts: 4,
      backoff: exponential({ initial: 100, jitter: 'none' }),
    });
    const call = policy.execute(failing(refused(), limited(1), refused()));
    await clock.advance(5_000);
    await call;
    expect(retries.map(({ delayMs }) => Math.floor(delayMs / 100))).toEqual([1, 10, 1]);
  });

  test('one as long as maxServerDelay is waited for', async () => {
    const { clock, policy } = watched({ maxServerDelay: 5_000 });
    const call = policy.execute(failing(limited(5)));
    await clock.advance(5_500);
    await expect(call).resolves.toBe('ok');
  });

  test('one longer than maxServerDelay is given up on, and exposed', async () => {
    const { policy, giveUps } = watched();
    const error = limited(31);
    await expect(policy.execute(failing(error))).rejects.toBe(error);
    expect(giveUps).toMatchObject([{ reason: 'server-delay', retryAfterMs: 31_000, attempts: 1 }]);
    expect(retryInfo(error)).toMatchObject({ reason: 'server-delay', retryAfterMs: 31_000 });
  });
});

describe('deadlines', () => {
  test('a delay that leaves no time fails at once with the last error', async () => {
    const { clock, policy, giveUps } = watched({
      backoff: exponential({ initial: 100, jitter: 'none' }),
    });
    using scope = deadline(100, undefined, { clock });
    const fn = failing(refused());
    await expect(policy.execute(fn, scope.signal)).rejects.toThrow('refused');
    expect(fn.calls).toBe(1);
    expect(clock.now()).toBe(0);
    expect(giveUps).toMatchObject([{ reason: 'deadline' }]);
  });

  test('minAttemptTime must be left too', async () => {
    const options = { backoff: exponential({ initial: 100, jitter: 'none' }), minAttemptTime: 50 };
    const { clock, policy, giveUps } = watched(options);
    using short = deadline(150, undefined, { clock });
    await expect(policy.execute(failing(refused()), short.signal)).rejects.toThrow('refused');
    expect(giveUps).toMatchObject([{ reason: 'deadline' }]);
    using long = deadline(151, undefined, { clock });
    const call = policy.execute(failing(refused()), long.signal);
    await clock.advance(100);
    await expect(call).resolves.toBe('ok');
  });

  test('minAttemptTime is looked at again when the wait took longer than it should', async () => {
    const options = { backoff: exponential({ initial: 10, jitter: 'none' }), minAttemptTime: 100 };
    for (const isLate of [false, true]) {
      const { clock, policy, giveUps } = watched(options as RetryOptions);
      const budget = policy.snapshot().gauges.budget;
      using scope = deadline(150, undefined, { clock });
      const error = refused();
      const fn = failing(error);
      const call = policy.execute(fn, scope.signal);
      call.catch(() => {});
      await clock.advance(0);
      // A stalled event loop: the clock has gone on before the timer fires.
      const now = clock.now.bind(clock);
      if (isLate) vi.spyOn(clock, 'now').mockImplementation(() => now() + 60);
      await clock.advance(10);
      expect(clock.timers).toBe(1);
      if (isLate) {
        await expect(call).rejects.toBe(error);
        expect(fn.calls).toBe(1);
        expect(giveUps).toMatchObject([{ reason: 'deadline', attempts: 1, error }]);
        expect(policy.snapshot().gauges.budget).toBe(budget);
        expect(retryInfo(error)).toMatchObject({ attempts: 1, errors: [error], totalDelayMs: 10 });
      } else await expect(call).resolves.toBe('ok');
    }
  });

  test('a deadline that passed during the wait ends it too; a value that was let go of is not handed out', async () => {
    const { clock, policy, giveUps } = watched({
      backoff: exponential({ initial: 10, jitter: 'none' }),
      idempotent: true,
      isFailure: () => true,
    });
    using scope = deadline(150, undefined, { clock });
    const fn = vi.fn<() => number>(() => 500);
    const call = policy.execute(fn, scope.signal);
    call.catch(() => {});
    await clock.advance(0);
    const now = clock.now.bind(clock);
    vi.spyOn(clock, 'now').mockImplementation(() => now() + 140);
    await clock.advance(10);
    await expect(call).rejects.toThrow(DeadlineExceededError);
    expect(fn).toHaveBeenCalledTimes(1);
    expect(giveUps).toMatchObject([{ reason: 'deadline', attempts: 1 }]);
  });

  test('minAttemptTime must be left for the first attempt too', async () => {
    const { clock, policy, giveUps } = watched({ minAttemptTime: 100 });
    const fn = failing();
    using short = deadline(99, undefined, { clock });
    await expect(policy.execute(fn, short.signal)).rejects.toThrow(DeadlineExceededError);
    expect(fn.calls).toBe(0);
    expect(giveUps).toMatchObject([{ reason: 'deadline', attempts: 0 }]);
    const info = { attempts: 0, errors: [], totalDelayMs: 0, reason: 'deadline' };
    expect(retryInfo(giveUps[0]?.error)).toEqual(info);
    using long = deadline(100, undefined, { clock });
    await expect(policy.execute(fn, long.signal)).resolves.toBe('ok');
  });

  test("a server's delay is lengthened only where there is room", async () => {
    const { clock, policy, retries } = watched({ random: () => 0.999 });
    using scope = deadline(5_001, undefined, { clock });
    const call = policy.execute(failing(limited(5)), scope.signal);
    await clock.advance(5_000);
    await expect(call).resolves.toBe('ok');
    expect(retries).toMatchObject([{ delayMs: 5_000 }]);
  });

  test('a deadline is looked at before the server delay', async () => {
    const { clock, policy, giveUps } = watched();
    using scope = deadline(1_000, undefined, { clock });
    await expect(policy.execute(failing(limited(31)), scope.signal)).rejects.toThrow('limited');
    expect(giveUps).toMatchObject([{ reason: 'deadline', retryAfterMs: 31_000 }]);
  });
});
