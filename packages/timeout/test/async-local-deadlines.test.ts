import { setImmediate as nextTurn } from 'node:timers/promises';
import { compose, deadline } from '@fournines/core';
import { type ManualClock, manualClock } from '@fournines/core/testing';
import { wrap } from 'cockatiel';
import { describe, expect, test } from 'vitest';
import {
  type AsyncLocalDeadlines,
  DeadlineExceededError,
  TimeoutError,
  asyncLocalDeadlines,
  timeout,
} from '@fournines/timeout';

const never = (): Promise<never> => new Promise(() => {});
const errorOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );
const made = (): { clock: ManualClock; deadlines: AsyncLocalDeadlines } => {
  const clock = manualClock();
  return { clock, deadlines: asyncLocalDeadlines({ clock, name: 'flow' }) };
};

describe('a flow with a deadline', () => {
  test('bounds calls deep inside, without a signal handed on', async () => {
    const { clock, deadlines } = made();
    const query = compose(deadlines, timeout({ duration: 2_000, clock }));
    let reason: unknown;
    const repository = async (): Promise<unknown> => {
      await nextTurn();
      return query.execute(({ deadline: inner, signal }) => {
        expect(inner.remainingMs).toBe(500);
        signal.addEventListener('abort', () => (reason = signal.reason));
        return never();
      });
    };
    const error = errorOf(deadlines.run(500, repository));
    await clock.advance(500);
    expect(await error).toBeInstanceOf(TimeoutError);
    expect(await error).toMatchObject({ policy: 'flow', durationMs: 500 });
    expect(reason).toBe(await error);
    expect(clock.timers).toBe(1);
    await clock.advance(2_000);
    expect(clock.timers).toBe(0);
  });

  test('keeps a policy’s own, earlier timeout', async () => {
    const { clock, deadlines } = made();
    const query = compose(deadlines, timeout({ duration: 20, name: 'query', clock }));
    const error = errorOf(deadlines.run(500, () => query.execute(never)));
    await clock.advance(20);
    expect(await error).toMatchObject({ policy: 'query' });
  });

  test('starts nothing when no time is left', async () => {
    const { clock, deadlines } = made();
    let calls = 0;
    const error = deadlines.run(10, async () => {
      await clock.advance(10);
      return errorOf(deadlines.execute(() => (calls += 1)));
    });
    expect(await error).toBeInstanceOf(DeadlineExceededError);
    expect(calls).toBe(0);
    expect(deadlines.snapshot().counts).toMatchObject({ calls: 1, timeouts: 1 });
  });

  test('does not touch other flows', async () => {
    const { clock, deadlines } = made();
    const left = (): Promise<number> =>
      deadlines.execute(({ deadline: inner }) => inner.remainingMs);
    const seen = await Promise.all([
      deadlines.run(10, left),
      left(),
      deadlines.run(30, left),
      deadlines.run(Infinity, left),
    ]);
    expect(seen).toEqual([10, Infinity, 30, Infinity]);
    expect(deadlines.current).toBeUndefined();
    expect(clock.now()).toBe(0);
  });

  test('two flows of one policy run out each at its own time', async () => {
    const { clock, deadlines } = made();
    const late = errorOf(deadlines.run(30, () => deadlines.execute(never)));
    const early = errorOf(deadlines.run(10, () => deadlines.execute(never)));
    const free = errorOf(deadlines.execute(never));
    await clock.advance(10);
    expect(await early).toMatchObject({ durationMs: 10 });
    expect(deadlines.snapshot().gauges.inFlight).toBe(2);
    await clock.advance(20);
    expect(await late).toMatchObject({ durationMs: 30 });
    await clock.advance(10_000);
    expect(deadlines.snapshot()).toMatchObject({
      counts: { timeouts: 2 },
      gauges: { inFlight: 1 },
    });
    void free;
  });
});

describe('run', () => {
  test('inside of run never outlasts it', () => {
    const { deadlines } = made();
    deadlines.run(50, () => {
      expect(deadlines.run(100, () => deadlines.current?.at)).toBe(50);
      expect(deadlines.run(20, () => deadlines.current?.at)).toBe(20);
      expect(deadlines.current?.at).toBe(50);
    });
  });

  test('takes the deadline of a context, of a signal, of a scope', async () => {
    const { clock, deadlines } = made();
    await timeout({ duration: 40, clock }).execute((context) => {
      expect(deadlines.run(context, () => deadlines.current?.at)).toBe(40);
    });
    using scope = deadline(25, undefined, { clock });
    expect(deadlines.run(scope, () => deadlines.current?.at)).toBe(25);
    expect(deadlines.run(scope.signal, () => deadlines.current?.at)).toBe(25);
    const { signal } = new AbortController();
    expect(deadlines.run(signal, () => deadlines.current)).toBeUndefined();
    deadlines.run(5, () => {
      expect(deadlines.run(signal, () => deadlines.current?.at)).toBe(5);
    });
  });

  test('hands on what its function returns or throws', () => {
    const { deadlines } = made();
    expect(deadlines.run(5, () => 'kept')).toBe('kept');
    const error = new Error('own');
    expect(() =>
      deadlines.run(5, () => {
        throw error;
      }),
    ).toThrow(error);
    expect(deadlines.current).toBeUndefined();
  });

  test.each([0, -1, Number.NaN, '5', null, undefined, {}, [[]], new Date()])('refuses %j', (ms) => {
    expect(() => made().deadlines.run(ms as never, () => {})).toThrow(
      'asyncLocalDeadlines: run must be > 0 (Infinity is allowed), got',
    );
  });
});

test('detach lets work outlive who started it', async () => {
  const { clock, deadlines } = made();
  const gate = Promise.withResolvers<string>();
  let background: Promise<string> | undefined;
  deadlines.run(10, () => {
    background = deadlines.detach(() => deadlines.execute(() => gate.promise));
    expect(deadlines.current?.at).toBe(10);
  });
  await clock.advance(1_000);
  gate.resolve('done');
  expect(await background).toBe('done');
});

test('the flow’s deadline crosses cockatiel’s wrap', async () => {
  const { clock, deadlines } = made();
  const policy = wrap(deadlines, timeout({ duration: 2_000, clock }));
  const left = await deadlines.run(500, () =>
    policy.execute((context) => context.deadline.remainingMs),
  );
  expect(left).toBe(500);
});

test('two of them do not see each other', () => {
  const one = asyncLocalDeadlines();
  const other = asyncLocalDeadlines();
  one.run(5, () => expect(other.current).toBeUndefined());
});

test('refuses what does not exist', () => {
  expect(() => asyncLocalDeadlines({ duration: 5 } as never)).toThrow("unknown option 'duration'");
});
