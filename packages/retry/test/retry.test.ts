import { getEventListeners } from 'node:events';
import { TimeoutError, compose } from '@fournines/core';
import { handleWhen, wrap, noop } from 'cockatiel';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { type RetryOptions, exponential, retry, retryBudget } from '../src/index.ts';
import { refused, reset, AT_ONCE, failing, watched } from './watched.ts';

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
