import type { Clock } from '@fournines/core';
import { manualClock } from '@fournines/core/testing';
import { exponential, retryInfo } from '@fournines/retry';
import { describe, expect, test, vi } from 'vitest';
import { type ResilientFetchOptions, resilientFetch } from '../src/index.ts';
import { type TestServer, testServer, until } from './server.ts';

const once = { failureThreshold: 1, resetTimeout: 60_000 };

/** Options under which the first retry comes 100 ms after the failure. */
function waiting(breaker: ResilientFetchOptions['breaker'] = once) {
  const clock = manualClock();
  const backoff = exponential({ initial: 100, jitter: 'none' });
  return { clock, options: { clock, retry: { backoff }, breaker } as const };
}

const sick = (body: string): Promise<TestServer> =>
  testServer((response) => {
    const headers = { 'x-reason': 'maintenance', 'content-length': Buffer.byteLength(body) };
    response.writeHead(503, headers).end(body);
  });

describe('when the breaker opens before the next attempt, the origin’s last answer', () => {
  test('is returned, with its headers and its body', async () => {
    await using server = await sick('back at nine');
    const { clock, options } = waiting();
    const get = resilientFetch(undefined, options);
    const call = get(`${server.origin}/page`);
    await vi.waitFor(() => expect(clock.timers).toBeGreaterThan(0));
    await until(() => get.snapshot().status !== 'up');
    await clock.advance(100);
    const answer = await call;
    expect([answer.status, answer.headers.get('x-reason'), answer.url]).toEqual([
      503,
      'maintenance',
      `${server.origin}/page`,
    ]);
    expect(await answer.text()).toBe('back at nine');
    await expect(get(server.origin)).rejects.toMatchObject({ code: 'ECIRCUITOPEN' });
    expect(server.seen).toHaveLength(1);
  });

  test('is returned where another call opened it meanwhile', async () => {
    await using server = await sick('back at nine');
    const { clock, options } = waiting({ ...once, failureThreshold: 2 });
    const get = resilientFetch(undefined, options);
    const retries: unknown[] = [];
    const [, policy] = [...get.parts()] as unknown as { onRetry(fn: () => void): void }[];
    policy?.onRetry(() => retries.push(0));
    const first = get(server.origin);
    await until(() => retries.length === 1);
    const second = get(server.origin);
    await until(() => retries.length === 2);
    await clock.advance(100);
    for (const call of [first, second]) {
      expect(await (await call).text()).toBe('back at nine');
    }
    expect(server.seen).toHaveLength(2);
  });

  test('is returned when it has no body', async () => {
    await using server = await sick('back at nine');
    const backoff = exponential({ initial: 0 });
    const get = resilientFetch(undefined, { retry: { backoff }, breaker: once });
    const answer = await get(server.origin, { method: 'HEAD' });
    expect([answer.status, await answer.text()]).toEqual([503, '']);
  });

  test('is still the caller’s to abort', async () => {
    await using server = await testServer((response) => {
      response.writeHead(503).write('begun, ');
    });
    const backoff = exponential({ initial: 0 });
    const get = resilientFetch(undefined, { retry: { backoff }, breaker: once });
    const caller = new AbortController();
    const answer = await get(server.origin, { signal: caller.signal });
    const text = answer.text();
    caller.abort(new Error('gave up'));
    await expect(text).rejects.toThrow('gave up');
  });

  test.each([
    ['is long', 'x'.repeat(20_000), 0],
    ['takes long', 'begun', 1_000],
  ])('is not kept when it %s: its socket is free', async (_why, body, patience) => {
    await using server = await testServer((response) => {
      response.writeHead(503).write(body);
    });
    const clock = manualClock();
    const backoff = exponential({ initial: 5_000, jitter: 'none' });
    const get = resilientFetch(undefined, { clock, retry: { backoff }, breaker: once });
    const call = get(server.origin);
    const failed = call.catch((error: unknown) => error);
    await until(() => get.snapshot().status !== 'up');
    await clock.advance(patience);
    await until(() => server.sockets.size === 0);
    await clock.advance(5_000);
    const error = await failed;
    expect(error).toMatchObject({ code: 'ECIRCUITOPEN' });
    // What it said is told all the same.
    expect(retryInfo(error)?.errors[0]).toMatchObject({ name: 'HttpError', status: 503 });
  });
});

describe('when the wait took longer than it should, so that no time is left for another attempt', () => {
  /** A clock whose timers fire when the test says: late, as after a busy turn of the event loop. */
  function lateClock() {
    let now = 0;
    const timers = new Set<{ readonly at: number; readonly fn: () => void }>();
    const clock: Clock = {
      now: () => now,
      wall: () => now,
      setTimeout(fn, ms) {
        const timer = { at: now + ms, fn };
        timers.add(timer);
        return { cancel: () => void timers.delete(timer), ref() {}, unref() {} };
      },
    };
    const fireAt = (moment: number): void => {
      now = moment;
      for (const timer of [...timers].toSorted((a, b) => a.at - b.at)) {
        if (timer.at <= now && timers.delete(timer)) timer.fn();
      }
    };
    return { clock, fireAt };
  }

  test.each([
    ['is returned with its body', 'back at nine', 'back at nine'],
    ['is an HttpError where its body could not be kept', 'x'.repeat(100_000), 'HttpError'],
  ])('the origin’s last answer %s', async (_title, body, expected) => {
    await using server = await sick(body);
    const { clock, fireAt } = lateClock();
    const get = resilientFetch(undefined, {
      clock,
      timeout: 300,
      breaker: false,
      retry: { backoff: exponential({ initial: 100, jitter: 'none' }) },
    });
    const [, policy] = [...get.parts()] as unknown as { onRetry(fn: () => void): void }[];
    let isWaiting = false;
    policy?.onRetry(() => (isWaiting = true));
    const call = get(server.origin).then(
      (response) => response.text(),
      (error: Error) => error.name,
    );
    await until(() => isWaiting);
    if (expected === 'HttpError') await until(() => server.sockets.size === 0);
    // The wait is over, and so is the time in total; the loop had been busy, so it runs once more.
    fireAt(350);
    fireAt(351);
    expect(await call).toBe(expected);
    expect(server.seen).toHaveLength(1);
  });
});
