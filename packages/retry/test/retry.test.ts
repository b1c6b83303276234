import { getEventListeners } from 'node:events';
import {
  BrokenCircuitError,
  TimeoutError,
  compose,
  deadline,
  stream,
} from '@fournines/core';
import { manualClock, seededRandom } from '@fournines/core/testing';
import { DelegateBackoff, ExponentialBackoff, handleWhen, noJitterGenerator, wrap, noop } from 'cockatiel';
import { afterEach, describe, expect, test, vi } from 'vitest';
import {
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
