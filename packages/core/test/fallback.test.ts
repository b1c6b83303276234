import { afterEach, beforeEach, expect, test } from 'vitest';
import { compose, definePolicy, fallback } from '../src/index.ts';
import { deferred, settle } from './probe.ts';

let warnings: Error[] = [];
const keep = (warning: Error): void => void warnings.push(warning);
beforeEach(() => {
  warnings = [];
  process.on('warning', keep);
});
afterEach(() => void process.off('warning', keep));

const error = new Error('own');
const fail = (): Promise<never> => Promise.reject(error);

test('answers what `when` accepts, by a value, a function, or a promise; falsy answers too', async () => {
  for (const value of ['v', 0, undefined, null, false]) {
    expect(await fallback(() => true, value).execute(fail)).toBe(value);
    expect(
      await fallback(
        () => true,
        () => value,
      ).execute(fail),
    ).toBe(value);
    expect(
      await fallback(
        () => true,
        async () => value,
      ).execute(fail),
    ).toBe(value);
  }
  expect(
    await fallback(
      () => true,
      (given) => given,
    ).execute(fail),
  ).toBe(error);
  await expect(fallback(() => false, 1).execute(fail)).rejects.toBe(error);
});

test("a factory that throws or rejects leaves the call's own error, and is reported once", async () => {
  for (const factory of [
    () => {
      throw new Error('factory');
    },
    () => Promise.reject(new Error('factory')),
  ]) {
    const policy = fallback(() => true, factory);
    await expect(policy.execute(fail)).rejects.toBe(error);
    await expect(policy.execute(fail)).rejects.toBe(error);
    expect(policy.snapshot().counts).toEqual({ calls: 2, used: 0 });
  }
  await settle();
  expect(warnings).toHaveLength(2);
});

test('a `when` that throws answers nothing, and is reported once', async () => {
  const policy = fallback(() => {
    throw new Error('when');
  }, 1);
  await expect(policy.execute(fail)).rejects.toBe(error);
  await expect(policy.execute(fail)).rejects.toBe(error);
  await settle();
  expect(warnings).toHaveLength(1);
});

test('an answer whose `then` cannot be read leaves the call its own error', async () => {
  const odd = Object.defineProperty({}, 'then', {
    get() {
      throw new Error('then');
    },
  });
  await expect(fallback(() => true, odd).execute(fail)).rejects.toBe(error);
  await settle();
  expect(warnings).toHaveLength(1);
});

test('a factory that gives the call up itself is not answered for', async () => {
  const caller = new AbortController();
  const policy = fallback(
    () => true,
    () => {
      caller.abort('gone');
      return 'other';
    },
  );
  await expect(policy.execute(fail, caller.signal)).rejects.toBe('gone');
  expect(policy.snapshot().counts).toEqual({ calls: 1, used: 0 });
});

test("the caller's abort is not answered, neither before the factory nor while it works", async () => {
  let made = 0;
  const policy = fallback(
    () => true,
    () => (made += 1),
  );
  const first = new AbortController();
  await expect(
    policy.execute(() => {
      first.abort('gone');
      throw first.signal.reason;
    }, first.signal),
  ).rejects.toBe('gone');
  expect(made).toBe(0);
  const second = new AbortController();
  const gate = deferred();
  const call = fallback(
    () => true,
    () => gate.promise,
  ).execute(fail, second.signal);
  await settle();
  second.abort('gone');
  gate.resolve('other');
  await expect(call).rejects.toBe('gone');
});

test('counts, and tells its listeners while there are any', async () => {
  const policy = fallback(() => true, 'other', { name: 'mine' });
  const heard: unknown[] = [];
  using _subscription = policy.onFallback((event) => heard.push(event.error));
  await policy.execute(() => 'own');
  await policy.execute(fail);
  expect(policy).toMatchObject({ kind: 'fallback', name: 'mine' });
  expect(policy.snapshot()).toEqual({ status: 'up', counts: { calls: 2, used: 1 } });
  expect(heard).toEqual([error]);
});

test("a policy of one's own admits, refuses and observes", async () => {
  const heard: unknown[] = [];
  let isFull = false;
  const policy = definePolicy({
    kind: 'quota',
    enter(context) {
      expect(context.signal).toBeInstanceOf(AbortSignal);
      if (isFull) throw error;
      return 'token';
    },
    success: (value, token) => void heard.push([value, token]),
    failure: (thrown, token) => void heard.push([thrown, token]),
  });
  const whole = compose(
    fallback((thrown) => thrown === error, 'refused'),
    policy,
  );
  expect(await whole.execute(() => 1)).toBe(1);
  await whole.execute(() => Promise.reject(new TypeError('x'))).catch(() => {});
  isFull = true;
  expect(await whole.execute(() => 1)).toBe('refused');
  expect(heard).toEqual([
    [1, 'token'],
    [new TypeError('x'), 'token'],
  ]);
  expect(policy.snapshot().counts).toEqual({ calls: 3 });
});

test('hooks and snapshots that throw or reject are reported once and change nothing', async () => {
  const boom = (): never => {
    throw new Error('boom');
  };
  const policy = definePolicy({ kind: 'k', success: boom, failure: boom, snapshot: boom });
  const rejecting = definePolicy({
    kind: 'k',
    success: () => Promise.reject(new Error('boom')) as never,
  });
  for (let i = 0; i < 2; i++) {
    expect(await policy.execute(() => 1)).toBe(1);
    expect(await rejecting.execute(() => 1)).toBe(1);
    await expect(policy.execute(fail)).rejects.toBe(error);
    expect(policy.snapshot()).toEqual({ status: 'up', counts: { calls: 2 * i + 2 } });
  }
  await settle();
  expect(warnings.length).toBe(2);
});

test('bad stages are refused', () => {
  expect(() => definePolicy({} as never)).toThrow(/^definePolicy: kind must be/);
  expect(() => definePolicy({ kind: 'k', enter: 5 } as never)).toThrow(
    new TypeError('definePolicy: enter must be a function, got 5'),
  );
  expect(() => definePolicy({ kind: 'k', exit: () => {} } as never)).toThrow(
    /unknown option 'exit'/,
  );
  expect(() => fallback(5 as never, 1)).toThrow(
    new TypeError('fallback: when must be a function, got 5'),
  );
  expect(() => fallback(() => true, 1, { nmae: 'x' } as never)).toThrow(/unknown option 'nmae'/);
});
