import { getEventListeners } from 'node:events';
import {
  BrokenCircuitError,
  type Clock,
  DeadlineExceededError,
  TimeoutError,
  compose,
  deadline,
  definePolicy,
  stream,
} from '@fournines/core';
import { manualClock, seededRandom } from '@fournines/core/testing';
import {
  DelegateBackoff,
  ExponentialBackoff,
  handleWhen,
  noJitterGenerator,
  wrap,
  noop,
} from 'cockatiel';
import { afterEach, describe, expect, test, vi } from 'vitest';
import {
  type BackoffStep,
  type GiveUpEvent,
  type RetryEvent,
  type RetryOptions,
  exponential,
  retry,
  retryBudget,
  retryInfo,
} from '../src/index.ts';

/** A refused connection: known not to have taken effect. */
const refused = (): Error => Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
/** A lost connection: nobody knows. */
const reset = (): Error => Object.assign(new Error('reset'), { code: 'ECONNRESET' });
const limited = (seconds: string | number): Error =>
  Object.assign(new Error('limited'), { status: 429, headers: { 'retry-after': String(seconds) } });

const AT_ONCE = exponential({ initial: 0 });

/** A function that fails with each error in turn, then answers `'ok'`; and how often it ran. */
function failing(...errors: unknown[]): { (): Promise<string>; calls: number } {
  const fn = async (): Promise<string> => {
    const n = fn.calls++;
    if (n < errors.length) throw errors[n];
    return 'ok';
  };
  fn.calls = 0;
  return fn;
}

function watched(options: RetryOptions = {}) {
  const clock = manualClock();
  const policy = retry({ clock, random: seededRandom(1), ...options });
  const retries: RetryEvent[] = [];
  const giveUps: GiveUpEvent[] = [];
  policy.onRetry((event) => retries.push(event));
  policy.onGiveUp((event) => giveUps.push(event));
  return { clock, policy, retries, giveUps };
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('attempts', () => {
  test('maxAttempts is the total: three by default', async () => {
    const { policy, giveUps } = watched({ backoff: AT_ONCE });
    const errors = [refused(), refused(), refused(), refused()];
    const fn = failing(...errors);
    await expect(policy.execute(fn)).rejects.toBe(errors[2]);
    expect(fn.calls).toBe(3);
    expect(giveUps).toMatchObject([{ reason: 'attempts', attempts: 3 }]);
  });

  test('one attempt is no retry', async () => {
    const { policy } = watched({ maxAttempts: 1 });
    const fn = failing(refused());
    await expect(policy.execute(fn)).rejects.toThrow('refused');
    expect(fn.calls).toBe(1);
  });

  test('context.attempt counts from 0', async () => {
    const { policy } = watched({ backoff: AT_ONCE });
    const seen: number[] = [];
    await expect(
      policy.execute(({ attempt }) => {
        seen.push(attempt);
        throw refused();
      }),
    ).rejects.toThrow('refused');
    expect(seen).toEqual([0, 1, 2]);
  });

  test('a call that goes well after a retry has recovered', async () => {
    const { policy } = watched({ backoff: AT_ONCE });
    await expect(policy.execute(failing(refused()))).resolves.toBe('ok');
    await expect(policy.execute(failing())).resolves.toBe('ok');
    expect(policy.snapshot().counts).toMatchObject({
      calls: 2,
      attempts: 3,
      retries: 1,
      recovered: 1,
    });
  });

  test('a synchronously throwing function does not pile up the stack', async () => {
    const { policy } = watched({ backoff: AT_ONCE, maxAttempts: 20_000, budget: false });
    let calls = 0;
    const call = policy.execute(() => {
      calls += 1;
      throw refused();
    });
    await expect(call).rejects.toThrow('refused');
    expect(calls).toBe(20_000);
  });
});

describe('what is retried', () => {
  test('an error that is known not to have taken effect is retried without idempotence', async () => {
    const { policy } = watched({ backoff: AT_ONCE });
    await expect(policy.execute(failing(refused()))).resolves.toBe('ok');
  });

  test('an error that may have taken effect is not, unless the policy says idempotent', async () => {
    const { policy, giveUps } = watched({ backoff: AT_ONCE });
    await expect(policy.execute(failing(reset()))).rejects.toThrow('reset');
    expect(giveUps).toMatchObject([{ reason: 'not-idempotent', attempts: 1 }]);
    const idempotent = watched({ backoff: AT_ONCE, idempotent: true });
    await expect(idempotent.policy.execute(failing(reset()))).resolves.toBe('ok');
  });

  test("a call's own idempotent wins over the policy's, both ways", async () => {
    const cautious = watched({ backoff: AT_ONCE });
    await expect(cautious.policy.execute(failing(reset()), { idempotent: true })).resolves.toBe(
      'ok',
    );
    const bold = watched({ backoff: AT_ONCE, idempotent: true });
    await expect(bold.policy.execute(failing(reset()), { idempotent: false })).rejects.toThrow(
      'reset',
    );
  });

  test('a timed-out attempt is not repeated without idempotence', async () => {
    const { policy, giveUps } = watched({ backoff: AT_ONCE });
    await expect(policy.execute(failing(new TimeoutError('t', 5)))).rejects.toThrow('timed out');
    expect(giveUps).toMatchObject([{ reason: 'not-idempotent' }]);
    await expect(
      policy.execute(failing(new TimeoutError('t', 5)), { idempotent: true }),
    ).resolves.toBe('ok');
  });

  test('an unknown error is not retried, and has priority over used-up attempts', async () => {
    const { policy, giveUps } = watched({
      maxAttempts: 1,
      budget: retryBudget({ ratio: 0, minPerSecond: 0 }),
    });
    await expect(policy.execute(failing(new Error('odd')))).rejects.toThrow('odd');
    await expect(policy.execute(failing('a string'))).rejects.toBe('a string');
    expect(giveUps.map(({ reason }) => reason)).toEqual(['not-retryable', 'not-retryable']);
  });

  test('shouldRetry overrides the classification and the idempotency check', async () => {
    const error = new Error('odd');
    const seen: unknown[] = [];
    const { policy } = watched({
      backoff: AT_ONCE,
      shouldRetry: (given, { attempt, idempotent, classification, call }) => {
        seen.push([given, attempt, idempotent, classification.retryable, call?.key]);
        return attempt === 0;
      },
    });
    await expect(policy.execute(failing(error, error), { key: 'k' })).rejects.toBe(error);
    expect(seen).toEqual([
      [error, 0, false, 'no', 'k'],
      [error, 1, false, 'no', 'k'],
    ]);
  });

  test('an asynchronous shouldRetry is waited for', async () => {
    const { policy } = watched({ backoff: AT_ONCE, shouldRetry: async () => true });
    await expect(policy.execute(failing(new Error('odd')))).resolves.toBe('ok');
    const never = watched({ backoff: AT_ONCE, shouldRetry: async () => false });
    await expect(never.policy.execute(failing(refused()))).rejects.toThrow('refused');
    expect(never.giveUps).toMatchObject([{ reason: 'not-retryable' }]);
  });

  test('a late asynchronous decision after an abort is ignored', async () => {
    const decision = Promise.withResolvers<boolean>();
    const { clock, policy, giveUps } = watched({
      backoff: AT_ONCE,
      shouldRetry: () => decision.promise,
    });
    const fn = failing(refused(), refused());
    const controller = new AbortController();
    const call = policy.execute(fn, controller.signal);
    await clock.advance(0);
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(1);
    const reason = new Error('enough');
    controller.abort(reason);
    await expect(call).rejects.toBe(reason);
    decision.resolve(true);
    await decision.promise;
    expect(fn.calls).toBe(1);
    expect(giveUps).toMatchObject([{ reason: 'aborted', attempts: 1 }]);
  });

  test.each([
    [
      'throws',
      () => {
        throw new Error('bug');
      },
    ],
    ['rejects', () => Promise.reject(new Error('bug'))],
  ])(
    "a shouldRetry that %s is reported once and the call's own error reaches the caller",
    async (_how, shouldRetry) => {
      const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
      const { policy } = watched({ backoff: AT_ONCE, shouldRetry });
      await expect(policy.execute(failing(refused()))).rejects.toThrow('refused');
      await expect(policy.execute(failing(refused()))).rejects.toThrow('refused');
      expect(warn).toHaveBeenCalledTimes(1);
      expect(String(warn.mock.calls[0]?.[0])).toContain('retry: shouldRetry');
    },
  );

  test('a classifier that throws is reported once and does not retry', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const { policy } = watched({
      backoff: AT_ONCE,
      classify: () => {
        throw new Error('bug');
      },
    });
    await expect(policy.execute(failing(refused()))).rejects.toThrow('refused');
    await expect(policy.execute(failing(refused()))).rejects.toThrow('refused');
    expect(warn).toHaveBeenCalledTimes(1);
  });

  test("cockatiel's filters decide instead of classification and idempotence", async () => {
    const { policy } = watched({
      backoff: AT_ONCE,
      handle: handleWhen((error) => (error as Error).message === 'odd').orWhenResult(
        (value) => value === 'busy',
      ),
    });
    await expect(policy.execute(failing(new Error('odd')))).resolves.toBe('ok');
    await expect(policy.execute(failing(refused()))).rejects.toThrow('refused');
    const values = ['busy', 'busy', 'done'];
    await expect(policy.execute(() => values.shift())).resolves.toBe('done');
  });
});

describe('values', () => {
  test('a value that is a failure is retried when idempotent, and the last one returned', async () => {
    const { policy, giveUps } = watched({
      backoff: AT_ONCE,
      idempotent: true,
      isFailure: (value) => typeof value === 'number' && value >= 500,
    });
    const answers = [500, 503, 200];
    await expect(policy.execute(() => answers.shift())).resolves.toBe(200);
    const bad = [500, 501, 502, 503];
    await expect(policy.execute(async () => bad.shift())).resolves.toBe(502);
    expect(giveUps).toMatchObject([{ reason: 'attempts', attempts: 3, error: undefined }]);
    expect(policy.snapshot().counts).toMatchObject({ recovered: 1, retries: 4 });
  });

  test('without idempotence such a value is returned at once', async () => {
    const { policy, giveUps } = watched({ isFailure: (value) => value === 500 });
    await expect(policy.execute(() => 500)).resolves.toBe(500);
    expect(giveUps).toMatchObject([{ reason: 'not-idempotent' }]);
  });

  test.each([undefined, null, 0, '', false])('%s is a value like others', async (value) => {
    const { policy } = watched({ backoff: AT_ONCE });
    await expect(policy.execute(() => value)).resolves.toBe(value);
  });

  test('a result that is not kept is let go of', async () => {
    let cancelled = 0;
    const busy = (): Response =>
      new Response(new ReadableStream({ cancel: () => void (cancelled += 1) }), { status: 503 });
    const { policy } = watched({
      backoff: AT_ONCE,
      idempotent: true,
      isFailure: (value) => (value as Response).status === 503,
    });
    const answers = [busy(), new Response('fine')];
    const answer = await policy.execute(async () => answers.shift() as Response);
    await expect(answer.text()).resolves.toBe('fine');
    expect(cancelled).toBe(1);
  });

  test('an isFailure that throws is reported once; the value is a failure that is not retried', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const { policy, giveUps } = watched({
      idempotent: true,
      isFailure: () => {
        throw new Error('bug');
      },
    });
    await expect(policy.execute(() => 1)).resolves.toBe(1);
    await expect(policy.execute(() => 2)).resolves.toBe(2);
    expect(warn).toHaveBeenCalledTimes(1);
    expect(giveUps).toMatchObject([{ reason: 'not-retryable' }, { reason: 'not-retryable' }]);
  });
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

describe('an open breaker', () => {
  const open = (retryAfterMs: number, state: 'open' | 'isolated' = 'open'): Error =>
    new BrokenCircuitError('db', { state, retryAfterMs });

  test('is given up on at once without a deadline, and burns no attempts', async () => {
    const { clock, policy, giveUps } = watched();
    const fn = failing(open(500));
    await expect(policy.execute(fn)).rejects.toThrow('open');
    expect(fn.calls).toBe(1);
    expect(clock.timers).toBe(0);
    expect(giveUps).toMatchObject([{ reason: 'breaker', retryAfterMs: 500, attempts: 1 }]);
  });

  test('is waited for under a deadline that leaves room for another attempt', async () => {
    const { clock, policy, retries } = watched();
    using scope = deadline(2_000, undefined, { clock });
    const fn = failing(open(500));
    const call = policy.execute(fn, scope.signal);
    await clock.advance(499);
    expect(fn.calls).toBe(1);
    await clock.advance(51);
    await expect(call).resolves.toBe('ok');
    expect(retries[0]?.delayMs).toBeGreaterThanOrEqual(500);
  });

  test('is given up on when it stays open for longer than the deadline leaves', async () => {
    const { clock, policy, giveUps } = watched();
    using scope = deadline(500, undefined, { clock });
    await expect(policy.execute(failing(open(500)), scope.signal)).rejects.toThrow('open');
    expect(giveUps).toMatchObject([{ reason: 'breaker' }]);
  });

  test('is waited for no longer than maxBreakerWait, where that is given', async () => {
    for (const [maxBreakerWait, isWaitedFor] of [
      [100, true],
      [99, false],
      [0, false],
    ] as const) {
      const { clock, policy, giveUps } = watched({ maxBreakerWait });
      using scope = deadline(5_000, undefined, { clock });
      const call = policy.execute(failing(open(100)), scope.signal).catch(() => 'given up');
      await clock.advance(1_000);
      expect([maxBreakerWait, await call]).toEqual([
        maxBreakerWait,
        isWaitedFor ? 'ok' : 'given up',
      ]);
      expect(giveUps.map(({ reason }) => reason)).toEqual(isWaitedFor ? [] : ['breaker']);
    }
    expect(() => retry({ maxBreakerWait: -1 })).toThrow('retry: maxBreakerWait must be >= 0');
  });

  test('that says 0 is asked again after the backoff, never in a tight loop', async () => {
    const { clock, policy, retries } = watched({
      backoff: exponential({ initial: 80, jitter: 'none' }),
    });
    using scope = deadline(2_000, undefined, { clock });
    const call = policy.execute(failing(open(0)), scope.signal);
    await clock.advance(100);
    await expect(call).resolves.toBe('ok');
    expect(retries[0]?.delayMs).toBeGreaterThanOrEqual(80);
  });

  /** A policy that fails with each error in turn, then lets everything through. */
  const gate = (...errors: unknown[]) =>
    definePolicy({
      kind: 'gate',
      enter: () => {
        if (errors.length > 0) throw errors.shift();
      },
    });

  test('further in burns no attempt while it is waited for, and takes nothing from the budget', async () => {
    const budget = retryBudget({ ratio: 0, minPerSecond: 2, ttl: 1_000, clock: manualClock() });
    const { clock, policy, retries } = watched({ maxAttempts: 2, budget, backoff: AT_ONCE });
    using scope = deadline(5_000, undefined, { clock });
    const refusals = gate(open(100), open(100), refused(), open(100), open(100));
    const numbers: number[] = [];
    const call = compose(policy, refusals).execute(({ attempt }) => {
      numbers.push(attempt);
      return 'ok';
    }, scope.signal);
    await clock.advance(4_000);
    await expect(call).resolves.toBe('ok');
    expect(numbers).toEqual([1]);
    expect(retries.map(({ attempt }) => attempt)).toEqual([0, 0, 0, 1, 1]);
    expect(budget.balance).toBe(1);
  });

  test('that refuses from within the function burns one: what that did before is done again', async () => {
    const { clock, policy, giveUps } = watched({ maxAttempts: 2 });
    using scope = deadline(5_000, undefined, { clock });
    const errors = [open(100), open(100), open(100)];
    const call = policy.execute(failing(...errors), scope.signal);
    call.catch(() => {});
    await clock.advance(1_000);
    await expect(call).rejects.toBe(errors[1]);
    expect(giveUps).toMatchObject([{ reason: 'attempts', attempts: 2 }]);
  });

  test('is the outcome itself when it is given up on, with the failures before it in retryInfo', async () => {
    const { policy, giveUps } = watched({ maxAttempts: 3, backoff: AT_ONCE });
    const errors = [refused(), open(100)];
    const call = compose(policy, gate(...errors)).execute(() => 1);
    await expect(call).rejects.toBe(errors[1]);
    expect(giveUps).toMatchObject([{ reason: 'breaker', attempts: 1, retryAfterMs: 100 }]);
    expect(retryInfo(errors[1])).toMatchObject({ attempts: 1, errors, retryAfterMs: 100 });
  });

  test('that refuses for ever is asked until the deadline, every 10 ms at most', async () => {
    const { clock, policy, giveUps } = watched({ maxAttempts: 2, backoff: AT_ONCE, budget: false });
    using scope = deadline(1_000, undefined, { clock });
    const failure = refused();
    let asked = 0;
    const breaker = definePolicy({
      kind: 'gate',
      enter: () => {
        asked += 1;
        throw asked === 1 ? failure : open(0);
      },
    });
    const call = compose(policy, breaker).execute(() => 1, scope.signal);
    call.catch(() => {});
    await clock.advance(1_000);
    await expect(call).rejects.toThrow('open');
    expect(asked).toBeGreaterThan(10);
    expect(asked).toBeLessThanOrEqual(101);
    expect(giveUps).toMatchObject([{ reason: 'breaker', attempts: 1 }]);
    expect(retryInfo(giveUps[0]?.error)?.errors).toEqual([failure, giveUps[0]?.error]);
  });

  test('is no reason to repeat where there is one attempt', async () => {
    const { clock, policy, giveUps } = watched({ maxAttempts: 1 });
    using scope = deadline(5_000, undefined, { clock });
    const call = compose(policy, gate(open(100))).execute(() => 1, scope.signal);
    await expect(call).rejects.toThrow('open');
    expect(giveUps).toMatchObject([{ reason: 'attempts', attempts: 0 }]);
  });

  test('is given up on for the deadline when that leaves no time for any attempt', async () => {
    const { clock, policy, giveUps } = watched({ minAttemptTime: 50 });
    using scope = deadline(100, undefined, { clock });
    const call = policy.execute(async () => {
      await clock.advance(60);
      throw open(500);
    }, scope.signal);
    await expect(call).rejects.toThrow('open');
    expect(giveUps).toMatchObject([{ reason: 'deadline', retryAfterMs: 500 }]);
  });

  test.each([
    ["cockatiel's", Object.assign(new Error('open'), { isBrokenCircuitError: true })],
    ["opossum's", Object.assign(new Error('open'), { code: 'EOPENBREAKER' })],
  ])('that does not say how long, %s, is never waited for', async (_whose, error) => {
    const { clock, policy, giveUps } = watched({ shouldRetry: () => true });
    using scope = deadline(60_000, undefined, { clock });
    await expect(policy.execute(failing(error), scope.signal)).rejects.toBe(error);
    expect(giveUps).toMatchObject([{ reason: 'breaker', retryAfterMs: Infinity }]);
  });

  test('that is isolated is never waited for', async () => {
    const { clock, policy, giveUps } = watched({ shouldRetry: () => true });
    using scope = deadline(2_000, undefined, { clock });
    const fn = failing(open(Infinity, 'isolated'));
    await expect(policy.execute(fn, scope.signal)).rejects.toThrow('isolated');
    expect(fn.calls).toBe(1);
    expect(giveUps).toMatchObject([{ reason: 'breaker', at: 0 }]);
  });
});

describe('the budget', () => {
  test('refuses when it is used up, and the original error reaches the caller', async () => {
    const budget = retryBudget({ ratio: 0, minPerSecond: 1, ttl: 1_000, clock: manualClock() });
    const { policy, giveUps } = watched({ backoff: AT_ONCE, budget });
    const errors = [refused(), refused(), refused()];
    await expect(policy.execute(failing(...errors))).rejects.toBe(errors[1]);
    expect(giveUps).toMatchObject([{ reason: 'budget', attempts: 2 }]);
    expect(policy.snapshot().gauges).toEqual({ budget: 0 });
  });

  test('is shared by reference', async () => {
    const budget = retryBudget({ ratio: 0, minPerSecond: 1, ttl: 1_000, clock: manualClock() });
    const one = watched({ backoff: AT_ONCE, budget });
    const other = watched({ backoff: AT_ONCE, budget });
    await expect(one.policy.execute(failing(refused()))).resolves.toBe('ok');
    await expect(other.policy.execute(failing(refused()))).rejects.toThrow('refused');
  });

  test('each policy has one of its own by default: ten a second and a fifth of the calls', async () => {
    const { policy } = watched();
    expect(policy.snapshot().gauges).toEqual({ budget: 100 });
    for (let i = 0; i < 50; i++) await policy.execute(() => 1);
    expect(policy.snapshot().gauges).toEqual({ budget: 110 });
  });

  test('false is none', async () => {
    const { policy } = watched({ budget: false, backoff: AT_ONCE, maxAttempts: 500 });
    let calls = 0;
    const fn = async (): Promise<never> => {
      calls += 1;
      throw refused();
    };
    await expect(policy.execute(fn)).rejects.toThrow('refused');
    expect(calls).toBe(500);
    expect(policy.snapshot().gauges).toEqual({});
  });
});

describe('retryInfo', () => {
  test('tells what happened without touching the error', async () => {
    const { clock, policy } = watched({ backoff: exponential({ initial: 10, jitter: 'none' }) });
    const errors = [refused(), refused(), Object.freeze(refused())];
    const call = policy.execute(failing(...errors));
    call.catch(() => {});
    await clock.advance(100);
    await expect(call).rejects.toBe(errors[2]);
    expect(retryInfo(errors[2])).toEqual({
      attempts: 3,
      errors,
      totalDelayMs: 30,
      reason: 'attempts',
    });
    expect(retryInfo(errors[0])).toBeUndefined();
  });

  test('primitives have none', async () => {
    const { policy } = watched({ backoff: AT_ONCE, shouldRetry: () => true });
    await expect(policy.execute(failing('a', 'b', 'c'))).rejects.toBe('c');
    expect(retryInfo('c')).toBeUndefined();
  });

  test('of an aborted call names what failed before it, each once', async () => {
    for (const shouldRetry of [undefined, () => new Promise<boolean>(() => {})]) {
      const { clock, policy } = watched({
        maxAttempts: Infinity,
        backoff: exponential({ initial: 10, max: 10, jitter: 'none' }),
        ...(shouldRetry && { shouldRetry }),
      });
      const controller = new AbortController();
      const errors: Error[] = [];
      const call = policy.execute(async () => {
        errors.push(refused());
        throw errors.at(-1);
      }, controller.signal);
      call.catch(() => {});
      await clock.advance(105);
      const reason = new Error('enough');
      controller.abort(reason);
      await expect(call).rejects.toBe(reason);
      expect(retryInfo(reason)).toMatchObject({ attempts: errors.length, reason: 'aborted' });
      expect(retryInfo(reason)?.errors).toEqual(errors.slice(-9));
      for (const error of errors.slice(-9)) expect(retryInfo(reason)?.errors).toContain(error);
    }
  });

  test('keeps the last ten errors, however many attempts there were', async () => {
    const { policy } = watched({ backoff: AT_ONCE, maxAttempts: 1_000, budget: false });
    let last: unknown;
    await expect(
      policy.execute(async () => {
        last = refused();
        throw last;
      }),
    ).rejects.toThrow('refused');
    const info = retryInfo(last);
    expect(info?.attempts).toBe(1_000);
    expect(info?.errors).toHaveLength(10);
    expect(info?.errors.at(-1)).toBe(last);
  });
});

describe('what is consumed', () => {
  test('a stream is retried before its first chunk and never after', async () => {
    const { policy, giveUps } = watched({ backoff: AT_ONCE });
    let opened = 0;
    const read = stream(policy, async function* () {
      opened += 1;
      if (opened === 1) throw refused();
      yield 'a';
      throw refused();
    });
    const chunks: string[] = [];
    await expect(
      (async () => {
        for await (const chunk of read) chunks.push(chunk);
      })(),
    ).rejects.toThrow('refused');
    expect(chunks).toEqual(['a']);
    expect(opened).toBe(2);
    expect(giveUps).toMatchObject([{ reason: 'consumed', attempts: 2 }]);
  });

  test('a request whose body is used up is not sent a third time', async () => {
    const { policy, giveUps } = watched({ backoff: AT_ONCE, shouldRetry: () => true });
    const request = new Request('http://127.0.0.1:1/', { method: 'POST', body: 'once' });
    const fn = vi.fn<() => Promise<Response>>(() => fetch(request));
    await expect(policy.execute(fn)).rejects.toThrow(TypeError);
    expect(fn).toHaveBeenCalledTimes(2);
    expect(giveUps).toMatchObject([{ reason: 'consumed' }]);
  });
});

describe('in a chain', () => {
  test('works at every place of a composition, and in another retry', async () => {
    const outer = watched({ backoff: AT_ONCE, maxAttempts: 2 });
    const inner = watched({ backoff: AT_ONCE, maxAttempts: 2 });
    const numbers: number[] = [];
    const fn = (context: { attempt: number }): Promise<never> => {
      numbers.push(context.attempt);
      throw refused();
    };
    await expect(compose(outer.policy, inner.policy).execute(fn)).rejects.toThrow('refused');
    expect(numbers).toEqual([0, 1, 0, 1]);
    expect(outer.policy.snapshot().counts).toMatchObject({ calls: 1, attempts: 2 });
    expect(inner.policy.snapshot().counts).toMatchObject({ calls: 2, attempts: 4 });
  });

  test("works under cockatiel's wrap, outside and inside", async () => {
    const { policy } = watched({ backoff: AT_ONCE });
    await expect(wrap(policy, noop).execute(failing(refused()))).resolves.toBe('ok');
    await expect(wrap(noop, policy).execute(failing(refused()))).resolves.toBe('ok');
    await expect(compose(noop, policy, noop).execute(failing(refused()))).resolves.toBe('ok');
  });

  test("an abort through cockatiel's wrap ends the wait", async () => {
    const { clock, policy } = watched({ backoff: exponential({ initial: 1_000, jitter: 'none' }) });
    const controller = new AbortController();
    const call = wrap(noop, policy).execute(failing(refused()), controller.signal);
    await clock.advance(0);
    expect(clock.timers).toBe(1);
    const reason = new Error('enough');
    controller.abort(reason);
    await expect(call).rejects.toBe(reason);
  });

  test('a listener may call the policy again', async () => {
    const { policy } = watched({ backoff: AT_ONCE });
    const nested: Promise<string>[] = [];
    policy.onRetry(() => {
      if (nested.length === 0) nested.push(policy.execute(failing(refused())));
    });
    await expect(policy.execute(failing(refused()))).resolves.toBe('ok');
    await expect(Promise.all(nested)).resolves.toEqual(['ok']);
  });

  test('a listener that throws does not break the loop', async () => {
    vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const { policy } = watched({ backoff: AT_ONCE });
    policy.onRetry(() => {
      throw new Error('bug');
    });
    await expect(policy.execute(failing(refused()))).resolves.toBe('ok');
  });

  test('thenables are awaited', async () => {
    const { policy } = watched({ backoff: AT_ONCE });
    let calls = 0;
    const thenable = {
      // oxlint-disable-next-line unicorn/no-thenable -- a thenable is what the test is about
      then: (resolve: (value: string) => void, reject: (error: unknown) => void) =>
        calls++ === 0 ? reject(refused()) : resolve('ok'),
    };
    await expect(policy.execute(() => thenable as PromiseLike<string>)).resolves.toBe('ok');
  });
});

describe('options', () => {
  test.each([
    [{ maxAttempts: 0 }, 'retry: maxAttempts must be an integer >= 1 (Infinity is allowed), got 0'],
    [
      { maxAttempts: 1.5 },
      'retry: maxAttempts must be an integer >= 1 (Infinity is allowed), got 1.5',
    ],
    [{ maxServerDelay: NaN }, 'retry: maxServerDelay must be >= 0 (Infinity is allowed), got NaN'],
    [{ minAttemptTime: -1 }, 'retry: minAttemptTime must be >= 0, got -1'],
    [{ idempotent: 'yes' }, "retry: idempotent must be true or false, got 'yes'"],
    [
      { backoff: 100 },
      'retry: backoff must be exponential(…) or a backoff of cockatiel, got number',
    ],
    [{ budget: {} }, 'retry: budget must be a retryBudget(…) or false, got object'],
    [
      { handle: () => true },
      'retry: handle must be a filter of cockatiel (handleWhen, handleType, …)',
    ],
    [
      { handle: handleWhen(() => true), isFailure: () => true },
      'retry: handle stands for isFailure: give one of them, got both',
    ],
    ...[
      'maxAttempts',
      'backoff',
      'idempotent',
      'shouldRetry',
      'classify',
      'isFailure',
      'handle',
      'budget',
      'maxServerDelay',
      'minAttemptTime',
      'unref',
      'random',
    ].map((option): [object, string] => [{ [option]: null }, `retry: ${option} must be`]),
    [{ attempts: 3 }, "retry: unknown option 'attempts'"],
  ])('%j is refused', (options, message) => {
    expect(() => retry(options as unknown as RetryOptions)).toThrow(message);
  });
});
