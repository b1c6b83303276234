import { type Clock } from '@fournines/core';
import { manualClock } from '@fournines/core/testing';
import { describe, expect, test } from 'vitest';
import { timeout } from '@fournines/timeout';

/** Work that takes 20 ms, whatever its signal says. */
const after = <T>(clock: Clock, value: T): Promise<T> =>
  new Promise((resolve) => clock.setTimeout(() => resolve(value), 20));

describe('a value that comes after the answer', () => {
  test('is disposed of, because nobody will get it', async () => {
    const clock = manualClock();
    const released: string[] = [];
    const body = new ReadableStream({ cancel: () => void released.push('body') });
    const values = [
      { [Symbol.asyncDispose]: async () => released.push('asyncDispose') },
      { [Symbol.dispose]: () => released.push('dispose') },
      new Response(body),
    ];
    const policy = timeout({ duration: 10, clock });
    const calls = values.map((value) => policy.execute(() => after(clock, value)));
    const outcomes = Promise.allSettled(calls);
    await clock.advance(20);
    expect((await outcomes).map(({ status }) => status)).toEqual(Array(3).fill('rejected'));
    expect(released).toEqual(['asyncDispose', 'dispose', 'body']);
  });

  test('is not disposed of when the caller gets it: in its grace, in cooperative mode', async () => {
    const clock = manualClock();
    const released: string[] = [];
    const value = { [Symbol.dispose]: () => released.push('disposed') };
    const policies = [
      timeout({ duration: 10, grace: 20, clock }),
      timeout({ duration: 10, mode: 'cooperative', clock }),
    ];
    const calls = policies.map((policy) => policy.execute(() => after(clock, value)));
    await clock.advance(20);
    await expect(Promise.all(calls)).resolves.toEqual([value, value]);
    expect(released).toEqual([]);
  });
});
