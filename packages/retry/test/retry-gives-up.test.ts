import { BrokenCircuitError, compose, deadline, definePolicy, stream } from '@fournines/core';
import { manualClock } from '@fournines/core/testing';
import { describe, expect, test, vi } from 'vitest';
import { exponential, retry, retryBudget, retryInfo } from '../src/index.ts';
import { refused, AT_ONCE, failing, watched } from './watched.ts';

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
