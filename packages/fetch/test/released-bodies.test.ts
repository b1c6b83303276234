import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { exponential } from '@fournines/retry';
import { fetch as undiciFetch } from 'undici';
import { describe, expect, test } from 'vitest';
import { abortBodyWith } from '../src/internal/body-abort.ts';
import { type ResilientFetchOptions, resilientFetch } from '../src/index.ts';
import { testServer, until } from './server.ts';

/** Retries without a wait, so that no test sleeps. */
const quick: ResilientFetchOptions = { retry: { backoff: exponential({ initial: 0 }) } };

/** All chunks. */
async function all(chunks: AsyncIterable<unknown>): Promise<unknown[]> {
  const seen: unknown[] = [];
  for await (const chunk of chunks) seen.push(chunk);
  return seen;
}

const URL_OF_NOBODY = 'http://a.example';

/** A response whose body never ends, and that tells when it is cancelled. */
function endless(status: number, cancelled: number[]): Response {
  const body = new ReadableStream({
    start: (controller) => controller.enqueue(new Uint8Array(1)),
    cancel: () => void cancelled.push(status),
  });
  return new Response(body, { status });
}

const fetches: readonly (readonly [string, typeof fetch])[] = [
  ['the global fetch', (...given) => fetch(...given)],
  ["undici's fetch", undiciFetch as unknown as typeof fetch],
];

test.each(fetches)(
  'the bodies of earlier attempts are cancelled, so that their sockets close: %s',
  async (_, fetch) => {
    let first: Socket | undefined;
    await using server = await testServer((response, index, request) => {
      if (index === 0) {
        first = request.socket;
        response.writeHead(503).write('an answer that never ends');
        return;
      }
      // The second attempt is answered when the first one's socket has closed, or not at all.
      if (first?.destroyed === true) response.end('done');
      else first?.once('close', () => response.end('done'));
    });
    // Kept, so that no collection of garbage closes them.
    const kept: Response[] = [];
    const get = resilientFetch(
      async (...given: Parameters<typeof fetch>) => {
        const response = await fetch(...given);
        kept.push(response);
        return response;
      },
      { ...quick, attemptTimeout: 2_500, timeout: 5_000 },
    );
    expect(await (await get(server.origin)).text()).toBe('done');
    expect(kept.map(({ status }) => status)).toEqual([503, 200]);
  },
);

describe('a body that nobody will read is cancelled', () => {
  test('before the next attempt is sent', async () => {
    const cancelled: number[] = [];
    const before: number[] = [];
    const get = resilientFetch(async () => {
      before.push(cancelled.length);
      return before.length < 3 ? endless(503, cancelled) : new Response('done');
    }, quick);
    await get(URL_OF_NOBODY);
    expect(before).toEqual([0, 1, 2]);
  });

  test('when `read` throws the status', async () => {
    const cancelled: number[] = [];
    const get = resilientFetch(async () => endless(401, cancelled), quick);
    await expect(get.read(URL_OF_NOBODY, {}, () => 1)).rejects.toMatchObject({ status: 401 });
    expect(cancelled).toEqual([401]);
  });

  test('when `stream` throws the status', async () => {
    const cancelled: number[] = [];
    const get = resilientFetch(async () => endless(401, cancelled), quick);
    const read = all(get.stream(URL_OF_NOBODY));
    await expect(read).rejects.toMatchObject({ name: 'HttpError', status: 401 });
    expect(cancelled).toEqual([401]);
  });

  test('when another error ends the call', async () => {
    const cancelled: number[] = [];
    const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    let count = 0;
    const get = resilientFetch(async () => {
      count += 1;
      if (count > 1) throw refused;
      return endless(503, cancelled);
    }, quick);
    await expect(get(URL_OF_NOBODY)).rejects.toBe(refused);
    expect(cancelled).toEqual([503]);
  });

  test('when a listener aborts the call between the answer and the caller', async () => {
    const cancelled: number[] = [];
    const caller = new AbortController();
    const get = resilientFetch(async () => endless(503, cancelled), { retry: false });
    const [, , attempt] = [...get.parts()] as unknown as { onFailure(fn: () => void): void }[];
    attempt?.onFailure(() => caller.abort(new Error('gave up')));
    const call = get(URL_OF_NOBODY, { signal: caller.signal });
    await expect(call).rejects.toThrow('gave up');
    expect(cancelled).toEqual([503]);
  });

  test('when it comes after the abort, from a fetch that does not heed it', async () => {
    let cancelled = false;
    const late = Promise.withResolvers<Response>();
    const get = resilientFetch(() => late.promise, { attemptTimeout: 20, retry: false });
    await expect(get('http://a.example')).rejects.toMatchObject({ code: 'ETIMEDOUT' });
    late.resolve(new Response(new ReadableStream({ cancel: () => void (cancelled = true) })));
    await until(() => cancelled);
  });
});

test('the caller’s abort that came just before the answer was handed on stops the body', () => {
  const request = new AbortController();
  const reason = new Error('gave up');
  abortBodyWith(AbortSignal.abort(reason), request, new ReadableStream());
  expect(request.signal.reason).toBe(reason);
});

describe('a fetch whose body is no web stream', () => {
  /** As node-fetch answers. */
  const nodeResponse = (status: number, body: Readable): Response =>
    ({ status, headers: new Headers(), body }) as unknown as Response;

  test('has its Node streams destroyed, and its errors reach the caller', async () => {
    const bodies = [Readable.from(['one']), Readable.from(['two'])];
    const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    let count = 0;
    const get = resilientFetch(async () => {
      const body = bodies[count];
      count += 1;
      if (body === undefined) throw refused;
      return nodeResponse(503, body);
    }, quick);
    await expect(get(URL_OF_NOBODY)).rejects.toBe(refused);
    expect(bodies.map(({ destroyed }) => destroyed)).toEqual([true, true]);
  });

  test('hands on what it read: a Node stream, chunk by chunk', async () => {
    const get = resilientFetch(async () => nodeResponse(200, Readable.from(['a', 'b'])), quick);
    const chunks: unknown[] = await all(get.stream(URL_OF_NOBODY));
    expect(chunks).toEqual(['a', 'b']);
  });

  test.each([
    ['undefined', undefined],
    ['a text', 'text'],
  ])('is handed on when its body is %s, to a caller with a signal too', async (_, body) => {
    const response = { status: 200, headers: new Headers(), body } as unknown as Response;
    const get = resilientFetch(async () => response, quick);
    const { signal } = new AbortController();
    expect(await get(URL_OF_NOBODY, { signal })).toBe(response);
  });
});

describe('request bodies of a stream', () => {
  test('a Request counts as used afterwards, and is not sent again', async () => {
    await using server = await testServer((response, index) => {
      response.writeHead(index === 0 ? 503 : 200).end('token');
    });
    const request = new Request(server.origin, { method: 'PUT', body: 'prompt' });
    const tokens = resilientFetch(undefined, quick).stream(request);
    expect(await all(tokens)).toHaveLength(1);
    expect(server.seen.map(({ body }) => body)).toEqual(['prompt', 'prompt']);
    expect(request.bodyUsed).toBe(true);
    await expect(all(tokens)).rejects.toThrow(TypeError);
    expect(server.seen).toHaveLength(2);
  });

  test('a stream is sent once and never replayed', async () => {
    await using server = await testServer((response) => void response.writeHead(503).end());
    const body = new Blob(['prompt']).stream();
    const init = { method: 'PUT', body, duplex: 'half' } as const;
    const tokens = resilientFetch(undefined, quick).stream(server.origin, init);
    await expect(all(tokens)).rejects.toMatchObject({ status: 503 });
    expect(server.seen).toHaveLength(1);
  });
});
