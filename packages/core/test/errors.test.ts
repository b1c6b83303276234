import {
  BrokenCircuitError as TheirBrokenCircuitError,
  BulkheadRejectedError,
  TaskCancelledError,
  isBrokenCircuitError,
  isBulkheadRejectedError,
  isIsolatedCircuitError,
  isTaskCancelledError,
} from 'cockatiel';
import { expect, test } from 'vitest';
import {
  BrokenCircuitError,
  DeadlineExceededError,
  LimitRejectedError,
  TimeoutError,
  isResilienceError,
} from '../src/index.ts';

const open = { state: 'open', retryAfterMs: 1_500.2 } as const;
const every = [
  new TimeoutError('api', 30),
  new DeadlineExceededError('api'),
  new BrokenCircuitError('api', open),
  new LimitRejectedError('api', { reason: 'the queue is full' }),
];

test('every error has a literal name and code, its policy, and the guard', () => {
  expect(every.map(({ name, code, policy }) => [name, code, policy])).toEqual([
    ['TimeoutError', 'ETIMEDOUT', 'api'],
    ['DeadlineExceededError', 'EDEADLINE', 'api'],
    ['BrokenCircuitError', 'ECIRCUITOPEN', 'api'],
    ['LimitRejectedError', 'ELIMITED', 'api'],
  ]);
  expect(every.every(isResilienceError)).toBe(true);
});

test('messages say who, what and when, and stand at the head of the stack', () => {
  expect(every.map((error) => error.message)).toEqual([
    'api: timed out after 30 ms',
    'api: the deadline passed before the call was started',
    'api: the circuit is open, retry after 1501 ms',
    'api: the queue is full',
  ]);
  for (const error of every) expect(error.stack).toContain(error.message);
});

test("errors subclass cockatiel's, and its guards hold", () => {
  const [timeout, deadline, broken, limited] = every;
  expect(timeout).toBeInstanceOf(TaskCancelledError);
  expect(deadline).toBeInstanceOf(TaskCancelledError);
  expect(broken).toBeInstanceOf(TheirBrokenCircuitError);
  expect(limited).toBeInstanceOf(BulkheadRejectedError);
  expect(every.map(isTaskCancelledError)).toEqual([true, true, false, false]);
  expect(every.map(isBrokenCircuitError)).toEqual([false, false, true, false]);
  expect(every.map(isBulkheadRejectedError)).toEqual([false, false, false, true]);
});

test('only an isolated circuit is isolated', () => {
  expect(isIsolatedCircuitError(new BrokenCircuitError('a', open))).toBe(false);
  const isolated = new BrokenCircuitError('a', {
    state: 'isolated',
    retryAfterMs: Infinity,
    reason: 'drill',
  });
  expect(isIsolatedCircuitError(isolated)).toBe(true);
  expect(isolated.message).toBe('a: the circuit is isolated (drill)');
});

test('a cause is kept as Error keeps it: not enumerable, absent when none', () => {
  const cause = new Error('why');
  const error = new BrokenCircuitError('a', { ...open, cause });
  expect(error.cause).toBe(cause);
  expect(Object.keys(error)).not.toContain('cause');
  expect('cause' in new TimeoutError('a', 1)).toBe(false);
});

test('the brand survives a second copy, and the guard never throws', () => {
  const other = Object.defineProperty(new Error('x'), Symbol.for('@fournines/core/error'), {
    value: true,
  });
  expect(isResilienceError(other)).toBe(true);
  const hostile = new Proxy(
    {},
    {
      has: () => {
        throw new Error('no');
      },
    },
  );
  for (const value of [undefined, null, 1, 'x', new Error('x'), hostile]) {
    expect(isResilienceError(value)).toBe(false);
  }
});

test('a BrokenCircuitError of a half-open circuit says why, where it is not that its probes are out', () => {
  const halfOpen = { state: 'half-open', retryAfterMs: 5 } as const;
  expect(new BrokenCircuitError('db', halfOpen).message).toBe(
    'db: the circuit is half-open and its probes are out, retry after 5 ms',
  );
  expect(new BrokenCircuitError('db', { ...halfOpen, reason: 'not now' }).message).toBe(
    'db: the circuit is half-open: not now',
  );
});
