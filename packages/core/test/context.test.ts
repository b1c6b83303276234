import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { deadlineAt } from '../src/authoring.ts';
import { type CallContext, type Deadline, compose, deadline, deadlineOf } from '../src/index.ts';
import { manualClock } from '../src/testing.ts';
import { probe, repeater } from './probe.ts';

const plain = probe({});
const contextOf = async (policy: { execute<T>(fn: (context: CallContext) => T): Promise<T> }) => {
  let kept: CallContext | undefined;
  await policy.execute((context) => void (kept = context));
  if (kept === undefined) throw new Error('not called');
  return kept;
};

test('signal is an own property: spread, destructuring, keys and JSON see it', async () => {
  const context = await contextOf(plain);
  const { signal } = context;
  expect(signal).toBeInstanceOf(AbortSignal);
  expect({ ...context }.signal).toBe(signal);
  expect(Object.keys(context)).toEqual(['signal']);
  expect(Object.hasOwn(context, 'signal')).toBe(true);
  expect('signal' in context).toBe(true);
  expect(JSON.stringify(context)).toBe('{"signal":{}}');
  expect(inspect(context)).toContain('signal: AbortSignal');
});

test('attempt and deadline are there only where a policy gives them', async () => {
  expect(Object.keys(await contextOf(repeater(2)))).toEqual(['signal', 'attempt']);
  using scope = deadline(1_000);
  await plain.execute((context) => {
    expect(Object.keys(context)).toEqual(['signal', 'deadline']);
    expect(deadlineOf(context)).toBe(scope.deadline);
  }, scope.signal);
});

test('it behaves as a plain object: inherited members work, it can be printed and compared', async () => {
  const context = await contextOf(plain);
  expect(`${context}`).toBe('[object Object]');
  expect(Object.prototype.hasOwnProperty.call(context, 'signal')).toBe(true);
  expect(
    (context as object as { hasOwnProperty(key: string): boolean }).hasOwnProperty('signal'),
  ).toBe(true);
  expect('toString' in context).toBe(true);
  expect(context.constructor).toBe(Object);
  expect(Object.getPrototypeOf(context)).toBe(Object.prototype);
  expect(context).toEqual({ signal: context.signal });
  await expect(Promise.resolve(context)).resolves.toBe(context);
});

test('it cannot be changed, and an attempt to freeze it leaves it usable', async () => {
  const context = await contextOf(plain);
  expect(() => Object.assign(context, { signal: 1 })).toThrow(TypeError);
  expect(() => Object.freeze(context)).toThrow(TypeError);
  expect(Object.keys(context)).toEqual(['signal']);
  expect(() => Object.setPrototypeOf(context, null)).toThrow(TypeError);
});

test('as a parent its abort and its deadline go on', async () => {
  const caller = new AbortController();
  using scope = deadline(5_000, caller.signal);
  const inner = compose(plain);
  const call = plain.execute(
    (outer) =>
      inner.execute((context) => {
        expect((context as { deadline?: unknown }).deadline).toBe(scope.deadline);
        caller.abort('gone');
        expect(context.signal.reason).toBe('gone');
        throw context.signal.reason;
      }, outer),
    scope.signal,
  );
  await expect(call).rejects.toBe('gone');
});

test('a signal that is read before a stage sets its deadline carries that deadline all the same', async () => {
  const reader = probe({ enter: (attempt) => void attempt.signal });
  const clock = manualClock();
  const bounded = probe({
    abortsInside: true,
    enter: () => 50,
    deadline: (token) => deadlineAt(token as number, clock),
  });
  await compose(reader, bounded, reader).execute((context) => {
    expect(deadlineOf(context.signal)?.at).toBe(50);
    expect((context as { deadline?: Deadline }).deadline?.at).toBe(50);
  });
});
