import { AsyncLocalStorage } from 'node:async_hooks';
import type { Clock } from '@fournines/core';
import { manualClock, seededRandom } from '@fournines/core/testing';
import { expect, test } from 'vitest';
import { exponential, retry } from '../src/index.ts';

const refused = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });

test('a thousand calls that wait cost one timer, and each goes on after its own delay', async () => {
  const clock = manualClock();
  const policy = retry({
    clock,
    random: seededRandom(1),
    budget: false,
    maxAttempts: 2,
    backoff: exponential({ initial: 1_000, jitter: 'full' }),
  });
  const due = new Map<number, number>();
  let call = -1;
  policy.onRetry(({ delayMs }) => due.set(call, delayMs));
  const late: number[] = [];
  const calls = Array.from({ length: 1_000 }, (_, index) =>
    policy.execute(({ attempt }) => {
      call = index;
      if (attempt === 0) throw refused;
      late.push(clock.now() - (due.get(index) ?? Number.NaN));
      return index;
    }),
  );
  await clock.advance(0);
  expect(due.size).toBe(1_000);
  expect(clock.timers).toBe(1);
  await clock.advance(1_000);
  expect(await Promise.all(calls)).toEqual(calls.map((_, index) => index));
  expect(Math.min(...late)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...late)).toBeLessThanOrEqual(1);
});

test('each attempt runs in the asynchronous context of its own call, whoever started the timer', async () => {
  const clock = manualClock();
  const policy = retry({ clock, backoff: exponential({ initial: 100, jitter: 'none' }) });
  const request = new AsyncLocalStorage<string>();
  const calls = ['a', 'b', 'c'].map((name) =>
    request.run(name, () =>
      policy.execute(({ attempt }) => {
        if (attempt === 0) throw refused;
        return request.getStore();
      }),
    ),
  );
  await clock.advance(100);
  expect(await Promise.all(calls)).toEqual(['a', 'b', 'c']);
});

test('a call that is aborted leaves the others their waits', async () => {
  const clock = manualClock();
  const policy = retry({ clock, backoff: exponential({ initial: 100, jitter: 'none' }) });
  const failingOnce = ({ attempt }: { readonly attempt: number }): number => {
    if (attempt === 0) throw refused;
    return attempt;
  };
  const controller = new AbortController();
  const first = policy.execute(failingOnce, controller.signal);
  await clock.advance(50);
  const second = policy.execute(failingOnce);
  await clock.advance(0);
  controller.abort(new Error('enough'));
  await expect(first).rejects.toThrow('enough');
  await clock.advance(100);
  expect(await second).toBe(1);
  expect(clock.timers).toBe(0);
});

test('an aborted wait keeps nothing alive', async () => {
  const manual = manualClock();
  let alive = 0;
  const clock: Clock = {
    now: () => manual.now(),
    wall: () => manual.wall(),
    setTimeout(fn, ms) {
      const timer = manual.setTimeout(fn, ms);
      let isRef = true;
      const keep = (wish: boolean): void => {
        alive += Number(wish) - Number(isRef);
        isRef = wish;
      };
      alive += 1;
      return {
        cancel: () => (keep(false), timer.cancel()),
        ref: () => keep(true),
        unref: () => keep(false),
      };
    },
  };
  const policy = retry({ clock, backoff: exponential({ initial: 30_000, max: 30_000 }) });
  const controllers = [new AbortController(), new AbortController()];
  const calls = controllers.map(({ signal }) =>
    policy.execute(() => Promise.reject(refused), signal).catch((error: unknown) => error),
  );
  await manual.advance(0);
  expect(alive).toBe(1);
  controllers[0]?.abort(1);
  expect(alive).toBe(1);
  controllers[1]?.abort(2);
  expect(alive).toBe(0);
  expect(await Promise.all(calls)).toEqual([1, 2]);
});

test('an answer of isFailure that is true to an `if` is a yes', async () => {
  const policy = retry({
    clock: manualClock(),
    idempotent: true,
    backoff: exponential({ initial: 0 }),
    isFailure: ((value: { readonly errors: readonly string[] }) => value.errors.length) as never,
  });
  let runs = 0;
  const answer = await policy.execute(() => ({ errors: runs++ === 0 ? ['once'] : [] }));
  expect(answer.errors).toEqual([]);
  expect(runs).toBe(2);
});
