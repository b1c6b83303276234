import { PassThrough, Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { disposeResult } from '../src/internal/dispose-result.ts';

describe('a result that nobody will get', () => {
  test('is disposed of, by the asynchronous way when there are two', () => {
    const released: string[] = [];
    disposeResult({
      [Symbol.asyncDispose]: async () => released.push('asyncDispose'),
      [Symbol.dispose]: () => released.push('never'),
    });
    disposeResult({ [Symbol.dispose]: () => released.push('dispose') });
    expect(released).toEqual(['asyncDispose', 'dispose']);
  });

  test('has its body cancelled, a web stream', () => {
    const released: string[] = [];
    disposeResult(new Response(new ReadableStream({ cancel: () => void released.push('body') })));
    expect(released).toEqual(['body']);
  });

  test('has its body destroyed, a Node stream, and its error is nobody’s', async () => {
    const body = new Readable({
      read() {},
      destroy: (_error, done) => done(new Error('ended before its end')),
    });
    const copy = new PassThrough();
    disposeResult({ statusCode: 200, body });
    disposeResult({ body: copy });
    await new Promise((resolve) => body.once('close', resolve));
    expect([body.destroyed, copy.destroyed]).toEqual([true, true]);
  });

  test('a body that somebody reads is left to them', async () => {
    const response = new Response('text');
    const reader = response.body?.getReader();
    disposeResult(response);
    await expect(reader?.read()).resolves.toMatchObject({ done: false });
  });

  test.each([
    [
      'throws',
      {
        [Symbol.dispose]: () => {
          throw new Error('bug');
        },
      },
    ],
    ['rejects', { [Symbol.asyncDispose]: () => Promise.reject(new Error('bug')) }],
    [
      'cannot be read',
      Object.defineProperty({}, 'body', {
        get: () => {
          throw new Error('bug');
        },
      }),
    ],
    ['is no body', { body: 'text' }],
    ['is nothing', null],
    ['is no object', 'text'],
  ])('one that %s is dropped all the same', async (_what, value) => {
    expect(() => disposeResult(value)).not.toThrow();
    await new Promise(setImmediate);
  });
});
