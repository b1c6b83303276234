import { getEventListeners } from 'node:events';
import { expect, test } from 'vitest';
import { type Clock, TimeoutError, deadline, deadlineOf, systemClock } from '../src/index.ts';
import { manualClock } from '../src/testing.ts';

test('aborts its signal with a TimeoutError when it passes', async () => {
  const clock = manualClock();
  using scope = deadline(100, undefined, { clock });
  expect(scope.deadline).toMatchObject({ at: 100, remainingMs: 100, expired: false });
  await clock.advance(99);
  expect([scope.signal.aborted, scope.deadline.remainingMs]).toEqual([false, 1]);
  await clock.advance(1);
  expect(scope.signal.reason).toBeInstanceOf(TimeoutError);
  expect(scope.deadline).toMatchObject({ remainingMs: 0, expired: true });
});

test('never outlasts the outer one, whichever is shorter, and passes its reason on', async () => {
  const clock = manualClock();
  using outer = deadline(100, undefined, { clock });
  using inner = deadline(500, outer.signal, { clock });
  using shorter = deadline(50, inner.signal, { clock });
  expect([inner.deadline.at, shorter.deadline.at]).toEqual([100, 50]);
  await clock.advance(100);
  expect(inner.signal.reason).toBe(outer.signal.reason);
  expect(shorter.signal.reason).toMatchObject({ durationMs: 50 });
});

test('is kept also where only the context carries it', async () => {
  const clock = manualClock();
  using outer = deadline(100, undefined, { clock });
  const context = { signal: new AbortController().signal, deadline: outer.deadline };
  expect(deadlineOf(context)).toBe(outer.deadline);
  using inner = deadline(500, context, { clock });
  await clock.advance(100);
  expect(inner.signal.aborted).toBe(true);
});

test('disposed, leaves no timer and no listener, and aborts nothing', async () => {
  const clock = manualClock();
  const parent = new AbortController();
  {
    using scope = deadline(100, parent.signal, { clock });
    expect([clock.timers, getEventListeners(parent.signal, 'abort').length]).toEqual([1, 1]);
    scope[Symbol.dispose]();
  }
  expect([clock.timers, getEventListeners(parent.signal, 'abort').length]).toEqual([0, 0]);
  const passed = deadline(10, parent.signal, { clock });
  await clock.advance(10);
  expect([clock.timers, getEventListeners(parent.signal, 'abort').length]).toEqual([0, 0]);
  passed[Symbol.dispose]();
  const aborted = deadline(10, parent.signal, { clock });
  parent.abort('gone');
  expect([clock.timers, aborted.signal.reason]).toEqual([0, 'gone']);
  expect(deadline(10, parent.signal, { clock }).signal.reason).toBe('gone');
  expect(clock.timers).toBe(0);
});

test('one listener serves any number of deadlines under one parent', () => {
  const parent = new AbortController();
  const scopes = Array.from({ length: 100 }, () => deadline(60_000, parent.signal));
  expect(getEventListeners(parent.signal, 'abort')).toHaveLength(1);
  parent.abort('gone');
  expect(scopes.every((scope) => scope.signal.reason === 'gone')).toBe(true);
});

test('is never early, although the timer of a clock may be', () => {
  let now = 0.4;
  const timers: (() => void)[] = [];
  const early: Clock = {
    now: () => now,
    wall: () => 0,
    setTimeout: (fn) => {
      timers.push(fn);
      return { cancel: () => {}, ref: () => {}, unref: () => {} };
    },
  };
  using scope = deadline(10, undefined, { clock: early });
  now = 9.6;
  timers.shift()?.();
  expect(scope.signal.aborted).toBe(false);
  now = 10.4;
  timers.shift()?.();
  expect(scope.signal.aborted).toBe(true);
});

test('Infinity keeps only the outer one', () => {
  using scope = deadline(Infinity);
  expect(scope.deadline).toMatchObject({ at: Infinity, remainingMs: Infinity, expired: false });
});

test('bad arguments are refused', () => {
  for (const ms of [0, -1, Number.NaN]) expect(() => deadline(ms)).toThrow(RangeError);
  expect(() => deadline('5' as never)).toThrow(TypeError);
  expect(() => deadline(5, undefined, { ref: true } as never)).toThrow(/unknown option 'ref'/);
  expect(() => deadline(5, undefined, { unref: 1 } as never)).toThrow(/^deadline: unref/);
  expect(deadlineOf(undefined)).toBeUndefined();
  expect(systemClock.now()).toBeGreaterThan(0);
});
