import * as cockatiel from 'cockatiel';
import { getEventListeners } from 'node:events';
import { describe, expect, test } from 'vitest';
import {
  type AnyPolicy,
  type CallContext,
  TimeoutError,
  compose,
  deadline,
  deadlineOf,
  definePolicy,
  fallback,
  stream,
} from '../src/index.ts';
import { manualClock } from '../src/testing.ts';
import { HELD, deferred, probe, repeater, settle } from './probe.ts';

const noop = definePolicy({ kind: 'noop' });
const hang = (): Promise<never> => new Promise(() => {});

async function* chunks<T>(...items: T[]): AsyncGenerator<T> {
  yield* items;
}

const read = async <T>(source: AsyncIterable<T>): Promise<T[]> => {
  const all: T[] = [];
  for await (const chunk of source) all.push(chunk);
  return all;
};

/** A policy that records how its calls ended. */
const witness = () => {
  const ends: unknown[] = [];
  const policy = definePolicy({
    kind: 'witness',
    success: () => void ends.push('success'),
    failure: (error) => void ends.push(error),
  });
  return { ends, policy };
};

/** Answers with a TimeoutError when told, as a timeout does. */
const timer = () => {
  let fire = (): void => {};
  const policy = probe({
    answersEarly: true,
    abortsInside: true,
    enter(attempt, index) {
      fire = () => {
        const error = new TimeoutError('timer', 1);
        attempt.answer(index, false, error);
        attempt.abortInside(index, error);
      };
    },
  });
  return { policy, fire: () => fire() };
};

describe('a read', () => {
  test('is one call of the policy, ended when the source ends', async () => {
    const { ends, policy } = witness();
    const iterator = stream(policy, () => chunks(1, 2))[Symbol.asyncIterator]();
    expect(await iterator.next()).toEqual({ done: false, value: 1 });
    expect(await iterator.next()).toEqual({ done: false, value: 2 });
    expect(ends).toEqual([]);
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
    expect(ends).toEqual(['success']);
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
  });

  test('starts with the first question, and each iteration is a read of its own', async () => {
    let opened = 0;
    const source = stream(noop, async () => {
      opened += 1;
      return chunks(opened);
    });
    source[Symbol.asyncIterator]();
    await settle();
    expect(opened).toBe(0);
    expect([await read(source), await read(source)]).toEqual([[1], [2]]);
  });

  test('asks for one chunk at a time, however often the consumer asks', async () => {
    let asked = 0;
    const source = {
      [Symbol.asyncIterator]: () => ({
        next: async () => ({ done: asked >= 3, value: (asked += 1) }) as IteratorResult<number>,
      }),
    };
    const iterator = stream(noop, () => source)[Symbol.asyncIterator]();
    const first = iterator.next();
    await settle();
    await settle();
    expect(asked).toBe(1);
    const rest = [iterator.next(), iterator.next(), iterator.next(), iterator.next()];
    expect((await Promise.all([first, ...rest])).map((result) => result.value)).toEqual([
      1,
      2,
      3,
      undefined,
      undefined,
    ]);
  });

  test('delivers an error to one question, then it is over', async () => {
    const iterator = stream(noop, async function* () {
      yield 1;
      throw new Error('x');
    })[Symbol.asyncIterator]();
    const all = await Promise.allSettled([iterator.next(), iterator.next(), iterator.next()]);
    expect(
      all.map((one) =>
        one.status === 'fulfilled' ? one.value.value : (one.reason as Error).message,
      ),
    ).toEqual([1, 'x', undefined]);
  });

  test('hands the deadline on with its signal', async () => {
    using scope = deadline(10_000);
    const seen = await read(
      stream(noop, (context) => chunks(deadlineOf(context.signal)?.at), { signal: scope.signal }),
    );
    expect(seen).toEqual([scope.deadline.at]);
  });
});

describe('a failure', () => {
  test('is retried before the first chunk', async () => {
    let opened = 0;
    const source = stream(repeater(3), () => {
      opened += 1;
      if (opened < 3) throw new Error('x');
      return chunks('a', 'b');
    });
    expect(await read(source)).toEqual(['a', 'b']);
    expect(opened).toBe(3);
  });

  test.each([
    ['ours', () => repeater(3)],
    [
      'cockatiel',
      () =>
        cockatiel.retry(cockatiel.handleAll, {
          maxAttempts: 3,
          backoff: new cockatiel.ConstantBackoff(0),
        }),
    ],
  ])('is not retried after it (%s)', async (_whose, policy: () => AnyPolicy) => {
    let opened = 0;
    const error = new Error('x');
    const got: string[] = [];
    const reading = async (): Promise<void> => {
      for await (const chunk of stream(policy(), async function* () {
        opened += 1;
        yield 'a';
        throw error;
      }))
        got.push(chunk);
    };
    await expect(reading()).rejects.toBe(error);
    expect({ opened, got }).toEqual({ opened: 1, got: ['a'] });
  });

  test('while the consumer is busy waits for its next question', async () => {
    const { policy, fire } = timer();
    const iterator = stream(policy, () => chunks(1, 2))[Symbol.asyncIterator]();
    await iterator.next();
    fire();
    await settle();
    await expect(iterator.next()).rejects.toThrow(TimeoutError);
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
  });

  test('before the first chunk is answered by a fallback: an iterable, or one chunk', async () => {
    const fail = (): never => {
      throw new Error('x');
    };
    expect(await read(stream(compose(fallback(() => true, ['x', 'y'])), fail))).toEqual(['x', 'y']);
    expect(
      await read(
        stream(
          compose(
            fallback(
              () => true,
              () => chunks('z'),
            ),
          ),
          fail,
        ),
      ),
    ).toEqual(['z']);
    expect(await read(stream(compose(fallback(() => true, 'text')), fail))).toEqual(['text']);
  });

  test('after it is not: the consumer sees the error', async () => {
    const source = stream(
      fallback(() => true, ['other']),
      async function* () {
        yield 'a';
        throw new Error('x');
      },
    );
    await expect(read(source)).rejects.toThrow('x');
  });
});

describe('a consumer that leaves', () => {
  test('aborts the source and is a success to every policy', async () => {
    const { ends, policy } = witness();
    const reasons: unknown[] = [];
    let isClosed = false;
    for await (const _chunk of stream(policy, async function* (context) {
      context.signal.addEventListener('abort', () =>
        reasons.push((context.signal.reason as Error).name),
      );
      try {
        yield 1;
        yield 2;
      } finally {
        isClosed = true;
      }
    }))
      break;
    await settle();
    expect({ ends, reasons, isClosed }).toEqual({
      ends: ['success'],
      reasons: ['AbortError'],
      isClosed: true,
    });
  });

  test('while a question is pending: it is answered as the end', async () => {
    const { ends, policy } = witness();
    const iterator = stream(policy, () => ({
      [Symbol.asyncIterator]: () => ({ next: hang, return: hang }),
    }))[Symbol.asyncIterator]();
    const pending = iterator.next();
    await settle();
    await iterator.return?.();
    expect(await pending).toEqual({ done: true, value: undefined });
    await settle();
    expect(ends).toEqual(['success']);
  });

  test('between two tries opens no source any more', async () => {
    let opened = 0;
    let again: (() => void) | undefined;
    const slow = probe({
      repeats: true,
      failure(_error, _token, attempt, index) {
        again = () => attempt.repeat(index, 1);
        return HELD;
      },
    });
    const iterator = stream(slow, () => {
      opened += 1;
      throw new Error('x');
    })[Symbol.asyncIterator]();
    void iterator.next();
    await settle();
    await iterator.return?.();
    again?.();
    await settle();
    expect(opened).toBe(1);
  });

  test('before the first question opens nothing', async () => {
    let opened = 0;
    const iterator = stream(noop, () => chunks((opened += 1)))[Symbol.asyncIterator]();
    await iterator.return?.();
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
    expect(opened).toBe(0);
  });
});

describe('abort and timeouts', () => {
  test('reach a source that hangs, in opening and in reading', async () => {
    for (const open of [
      hang,
      () => ({ [Symbol.asyncIterator]: () => ({ next: hang, return: hang }) }),
    ]) {
      const caller = new AbortController();
      const { ends, policy } = witness();
      const reading = read(
        stream<number>(policy, open as () => AsyncIterable<number>, { signal: caller.signal }),
      );
      await settle();
      caller.abort('gone');
      await expect(reading).rejects.toBe('gone');
      expect(ends).toEqual(['gone']);
      expect(getEventListeners(caller.signal, 'abort')).toEqual([]);
    }
  });

  test('in the middle of the stream end it with the error and close the source', async () => {
    const { policy, fire } = timer();
    let isClosed = false;
    const iterator = stream(policy, () => ({
      [Symbol.asyncIterator]: () => {
        let n = 0;
        return {
          next: async () => ((n += 1) === 1 ? { done: false as const, value: n } : hang()),
          return: async () => ({ done: (isClosed = true), value: 0 }),
        };
      },
    }))[Symbol.asyncIterator]();
    await iterator.next();
    const pending = iterator.next();
    await settle();
    fire();
    await expect(pending).rejects.toThrow(TimeoutError);
    await settle();
    expect(isClosed).toBe(true);
  });

  test.each([
    ['ours', () => noop as AnyPolicy],
    ['cockatiel', () => cockatiel.timeout(60_000, cockatiel.TimeoutStrategy.Aggressive)],
    ['both', () => compose(noop, cockatiel.timeout(60_000, cockatiel.TimeoutStrategy.Cooperative))],
  ])('of the caller passes %s', async (_whose, policy: () => AnyPolicy) => {
    const caller = new AbortController();
    const got: number[] = [];
    const reading = (async () => {
      for await (const chunk of stream(
        policy(),
        (context: CallContext) => ({
          [Symbol.asyncIterator]: () => ({
            next: () =>
              got.length === 0
                ? Promise.resolve({ done: false as const, value: 1 })
                : new Promise<never>((_, no) =>
                    context.signal.addEventListener('abort', () =>
                      no(context.signal.reason as Error),
                    ),
                  ),
          }),
        }),
        { signal: caller.signal },
      ))
        got.push(chunk);
    })();
    await settle();
    caller.abort(new Error('gone'));
    await expect(reading).rejects.toThrow();
    expect(got).toEqual([1]);
  });
});

describe('idle', () => {
  test('bounds each gap, the first too, by a TimeoutError', async () => {
    for (const delivered of [[], ['a']]) {
      const clock = manualClock();
      const got: string[] = [];
      const reading = (async () => {
        for await (const chunk of stream(
          noop,
          async function* () {
            yield* delivered;
            await hang();
          },
          { idle: 50, clock },
        ))
          got.push(chunk);
      })();
      // oxlint-disable-next-line vitest/valid-expect -- awaited below, once time has passed
      const failed = expect(reading).rejects.toMatchObject({
        code: 'ETIMEDOUT',
        durationMs: 50,
        policy: 'stream',
      });
      await clock.advance(49);
      expect(got).toEqual(delivered);
      await clock.advance(1);
      await failed;
      expect(clock.timers).toBe(0);
    }
  });

  test('does not count while the consumer is busy', async () => {
    const clock = manualClock();
    const iterator = stream(noop, () => chunks(1, 2), { idle: 50, clock })[Symbol.asyncIterator]();
    await iterator.next();
    await clock.advance(1_000);
    expect(clock.timers).toBe(0);
    expect(await iterator.next()).toEqual({ done: false, value: 2 });
  });

  test('lets a hung opening be retried', async () => {
    const clock = manualClock();
    let opened = 0;
    const reading = read(
      stream(repeater(2), () => ((opened += 1) === 1 ? hang() : chunks('a')), { idle: 50, clock }),
    );
    await clock.advance(50);
    expect(await reading).toEqual(['a']);
  });
});

describe('attempts side by side (a hedge)', () => {
  const hedge = () =>
    probe({
      repeats: true,
      answersEarly: true,
      enter: (attempt, index) => queueMicrotask(() => void attempt.repeat(index, 1)),
      success: (value, _token, attempt, index) => {
        attempt.answer(index, true, value);
        return HELD;
      },
      failure: (error, _token, attempt, index) => {
        attempt.answer(index, false, error);
        return HELD;
      },
    });

  test('never mix: whichever delivers first delivers all', async () => {
    const signals: AbortSignal[] = [];
    const gate = deferred();
    let opened = 0;
    const source = stream(hedge(), async function* (context) {
      signals.push(context.signal);
      const me = (opened += 1);
      if (me === 1) await gate.promise;
      yield `${me}a`;
      gate.resolve(0);
      await settle();
      yield `${me}b`;
    });
    expect(await read(source)).toEqual(['2a', '2b']);
    await settle();
    expect(signals[0]?.aborted).toBe(true);
  });
});

test('bad arguments are refused at once', () => {
  expect(() => stream(noop, 5 as never)).toThrow(
    new TypeError('stream: open must be a function, got 5'),
  );
  expect(() => stream(noop, () => chunks(1), { idle: 0 })).toThrow(RangeError);
  expect(() => stream(noop, () => chunks(1), { clock: {} as never })).toThrow(/^stream: clock/);
  expect(() => stream({} as never, () => chunks(1))).toThrow(
    /^stream: policy must have an execute method/,
  );
});
