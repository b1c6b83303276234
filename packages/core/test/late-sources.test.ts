import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { type CallContext, TimeoutError, definePolicy, stream } from '../src/index.ts';
import { disposeResult } from '../src/internal/dispose-result.ts';
import { manualClock } from '../src/testing.ts';
import { HELD, deferred, probe, settle } from './probe.ts';

const noop = definePolicy({ kind: 'noop' });

/** Sources of every kind; each writes down how it was let go of. */
const SOURCES: readonly [string, string, (gone: string[]) => AsyncIterable<number>][] = [
  [
    'is disposed of, where it can be, the asynchronous way first',
    'asyncDispose',
    (gone) => ({
      [Symbol.asyncIterator]: () => ({
        next: () => Promise.resolve({ done: true as const, value: undefined }),
        return: async () => (gone.push('return'), { done: true as const, value: undefined }),
      }),
      [Symbol.dispose]: () => gone.push('dispose'),
      [Symbol.asyncDispose]: async () => gone.push('asyncDispose'),
    }),
  ],
  [
    'is cancelled, a web stream',
    'cancel',
    (gone) => new ReadableStream<number>({ cancel: () => void gone.push('cancel') }),
  ],
  [
    'is destroyed, a Node stream',
    'destroy',
    (gone) =>
      new Readable({
        objectMode: true,
        read() {},
        destroy: (error, done) => (gone.push('destroy'), done(error)),
      }),
  ],
  [
    'is ended by its iterator’s return, all else',
    'return',
    (gone) => ({
      [Symbol.asyncIterator]: () => ({
        next: () => Promise.resolve({ done: true as const, value: undefined }),
        return: async () => (gone.push('return'), { done: true as const, value: undefined }),
      }),
    }),
  ],
];

describe('a source that opens when nobody waits for it any more', () => {
  test.each(SOURCES)('%s', async (_name, way, make) => {
    const gone: string[] = [];
    const opening = deferred();
    const caller = new AbortController();
    const source = stream(noop, async () => (await opening.promise, make(gone)), {
      signal: caller.signal,
    });
    const read = source[Symbol.asyncIterator]().next();
    await settle();
    caller.abort('gone');
    await expect(read).rejects.toBe('gone');
    opening.resolve(0);
    await settle();
    expect(gone).toEqual([way]);
  });

  test('because the consumer left is let go of', async () => {
    const gone: string[] = [];
    const opening = deferred();
    const source = stream(
      noop,
      async () => (await opening.promise, SOURCES[3]?.[2](gone) as AsyncIterable<number>),
    );
    const iterator = source[Symbol.asyncIterator]();
    void iterator.next();
    await settle();
    await iterator.return?.();
    opening.resolve(0);
    await settle();
    expect(gone).toEqual(['return']);
  });

  test('because it took longer than idle is let go of', async () => {
    const gone: string[] = [];
    const clock = manualClock();
    const opening = deferred();
    const source = stream(
      noop,
      async () => (await opening.promise, SOURCES[1]?.[2](gone) as AsyncIterable<number>),
      { idle: 50, clock },
    );
    const read = source[Symbol.asyncIterator]().next();
    // oxlint-disable-next-line vitest/valid-expect -- awaited below, once time has passed
    const failed = expect(read).rejects.toBeInstanceOf(TimeoutError);
    await clock.advance(50);
    await failed;
    opening.resolve(0);
    await settle();
    expect(gone).toEqual(['cancel']);
  });

  test('because another attempt delivers is let go of', async () => {
    const gone: string[] = [];
    const slow = deferred();
    let opened = 0;
    const hedge = probe({
      repeats: true,
      answersEarly: true,
      enter: (attempt, index) => queueMicrotask(() => void attempt.repeat(index, 1)),
      success: (value, _token, attempt, index) => (attempt.answer(index, true, value), HELD),
    });
    const open = async (_context: CallContext): Promise<AsyncIterable<number>> => {
      opened += 1;
      if (opened > 1) return new ReadableStream({ start: (c) => (c.enqueue(2), c.close()) });
      await slow.promise;
      return new ReadableStream({ cancel: () => void gone.push('first') });
    };
    const got: number[] = [];
    for await (const chunk of stream(hedge, open)) got.push(chunk);
    slow.resolve(0);
    await settle();
    expect({ got, gone }).toEqual({ got: [2], gone: ['first'] });
  });

  test('and cannot be let go of changes nothing', async () => {
    const opening = deferred();
    const caller = new AbortController();
    const broken = {
      [Symbol.asyncIterator]: () => {
        throw new Error('bug');
      },
    };
    const { signal } = caller;
    const source = stream(noop, async () => (await opening.promise, broken), { signal });
    const read = source[Symbol.asyncIterator]().next();
    await settle();
    caller.abort('gone');
    await expect(read).rejects.toBe('gone');
    opening.resolve(0);
    await settle();
  });
});

describe('a stream that is itself a late result', () => {
  test('is cancelled', () => {
    const gone: string[] = [];
    disposeResult(new ReadableStream({ cancel: () => void gone.push('cancel') }));
    expect(gone).toEqual(['cancel']);
  });

  test('is left alone where somebody reads it', async () => {
    const gone: string[] = [];
    const body = new ReadableStream<number>({
      start: (controller) => controller.enqueue(1),
      cancel: () => void gone.push('cancel'),
    });
    const reader = body.getReader();
    disposeResult(body);
    await expect(reader.read()).resolves.toEqual({ done: false, value: 1 });
    expect(gone).toEqual([]);
  });
});

test('a Node stream that is being read is not destroyed: it is somebody’s', async () => {
  const stream = new Readable({ read() {} });
  stream.resume();
  disposeResult(stream);
  expect(stream.destroyed).toBe(false);
  const unread = new Readable({ read() {} });
  disposeResult(unread);
  expect(unread.destroyed).toBe(true);
});

test.each([
  ['a Response', () => new Response('text')],
  ['a synchronous iterable', () => [1, 2]],
  ['null', () => null],
  ['nothing', () => undefined],
])('%s is no source', async (_what, open) => {
  const source = stream(noop, open as never);
  const reading = source[Symbol.asyncIterator]().next();
  await expect(reading).rejects.toThrow('stream: open must return an async iterable, got');
});

test('a Response that came in place of a source has its body cancelled', async () => {
  let isCancelled = false;
  const body = new ReadableStream({ cancel: () => void (isCancelled = true) });
  const reading = stream(noop, (async () => new Response(body)) as never);
  await expect(reading[Symbol.asyncIterator]().next()).rejects.toThrow(TypeError);
  await settle();
  expect(isCancelled).toBe(true);
});
