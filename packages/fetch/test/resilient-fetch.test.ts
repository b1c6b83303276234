import { getEventListeners } from 'node:events';
import type { ServerResponse } from 'node:http';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { circuitBreaker, circuitBreakers } from '@fournines/breaker';
import { deadlineOf } from '@fournines/core';
import { manualClock } from '@fournines/core/testing';
import { classify } from '@fournines/error-classification';
import { exponential } from '@fournines/retry';
import { Request as UndiciRequest, fetch as undiciFetch } from 'undici';
import { describe, expect, test, vi } from 'vitest';
import { type ResilientFetchOptions, resilientFetch } from '../src/index.ts';
import { closedOrigin, testServer, until } from './server.ts';

/** Retries without a wait, so that no test sleeps. */
const quick: ResilientFetchOptions = { retry: { backoff: exponential({ initial: 0 }) } };

function reply(response: ServerResponse, status: number, body = '', headers = {}): void {
  response.writeHead(status, headers).end(body);
}

/** Answers with `statuses` in turn, and then with 200. */
function inTurn(...statuses: number[]): (response: ServerResponse, index: number) => void {
  return (response, index) => {
    const status = statuses[index] ?? 200;
    reply(response, status, `${status}`);
  };
}

const fetches: readonly (readonly [string, typeof fetch | undefined])[] = [
  ['the global fetch', undefined],
  ["undici's fetch", undiciFetch as unknown as typeof fetch],
];

describe.each(fetches)('around %s', (_, fetch) => {
  test('an answer is handed on as it is', async () => {
    await using server = await testServer((response) =>
      reply(response, 200, 'hello', { 'x-a': 'b' }),
    );
    const response = await resilientFetch(fetch)(new URL(`${server.origin}/path`));
    expect(response).toMatchObject({
      ok: true,
      status: 200,
      url: `${server.origin}/path`,
      redirected: false,
    });
    expect(response.headers.get('x-a')).toBe('b');
    expect(await response.text()).toBe('hello');
  });

  test('a GET is repeated after a 503', async () => {
    await using server = await testServer(inTurn(503, 503));
    const response = await resilientFetch(fetch, quick)(server.origin);
    expect(await response.text()).toBe('200');
    expect(server.seen).toHaveLength(3);
  });

  test('after the last attempt the response is returned, with its body', async () => {
    await using server = await testServer((response) => reply(response, 503, 'sorry'));
    const response = await resilientFetch(fetch, quick)(server.origin);
    expect(response.status).toBe(503);
    expect(await response.text()).toBe('sorry');
    expect(server.seen).toHaveLength(3);
  });

  test('the caller aborts a body that it reads, with its own reason', async () => {
    await using server = await testServer((response) => {
      response.writeHead(200).write('first');
    });
    const caller = new AbortController();
    const response = await resilientFetch(fetch, quick)(server.origin, { signal: caller.signal });
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    await reader.read();
    const reason = new Error('enough');
    caller.abort(reason);
    await expect(reader.read()).rejects.toBe(reason);
    await until(() => server.sockets.size === 0);
  });

  test('the deadline header says how much time the attempt has, and keeps the other headers', async () => {
    await using server = await testServer(inTurn(503));
    const get = resilientFetch(fetch, {
      ...quick,
      attemptTimeout: 7_000,
      deadlineHeader: 'connect',
    });
    await get(server.origin, { headers: { 'x-a': 'b' } });
    for (const { headers } of server.seen) {
      expect(headers['x-a']).toBe('b');
      expect(Number(headers['connect-timeout-ms'])).toBeGreaterThan(5_000);
      expect(Number(headers['connect-timeout-ms'])).toBeLessThanOrEqual(7_000);
    }
    expect(server.seen).toHaveLength(2);
  });

  test('headers that do not come are the attempt’s timeout, and a GET is repeated', async () => {
    await using server = await testServer((response, index) => {
      if (index > 0) reply(response, 200, 'late but well');
    });
    const get = resilientFetch(fetch, { ...quick, attemptTimeout: 50 });
    expect(await (await get(server.origin)).text()).toBe('late but well');
    expect(server.seen).toHaveLength(2);
  });
});

describe('retry', () => {
  test.each(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'QUERY'])(
    '%s is repeated after a 500',
    async (method) => {
      await using server = await testServer(inTurn(500));
      const response = await resilientFetch(undefined, quick)(server.origin, { method });
      expect(response.status).toBe(200);
      expect(server.seen.map((request) => request.method)).toEqual([method, method]);
    },
  );

  test.each(['POST', 'PATCH'])('%s is not repeated after a 500', async (method) => {
    await using server = await testServer(inTurn(500));
    const response = await resilientFetch(undefined, quick)(server.origin, { method, body: 'x' });
    expect(response.status).toBe(500);
    expect(server.seen).toHaveLength(1);
  });

  test.each([
    ['an Idempotency-Key', { headers: { 'Idempotency-Key': 'k' } }],
    ['an Idempotency-Key in a list', { headers: [['idempotency-key', 'k']] as [string, string][] }],
    ['idempotent: true', { idempotent: true }],
  ])('a POST with %s is repeated, body and all', async (_, init) => {
    await using server = await testServer(inTurn(500));
    const response = await resilientFetch(undefined, quick)(server.origin, {
      method: 'POST',
      body: 'x',
      ...init,
    });
    expect(response.status).toBe(200);
    expect(server.seen.map(({ body }) => body)).toEqual(['x', 'x']);
  });

  test('idempotent of the options holds for all requests, and a request’s own wins', async () => {
    await using server = await testServer((response) => reply(response, 500));
    const post = resilientFetch(undefined, { ...quick, idempotent: true, breaker: false });
    await post(server.origin, { method: 'POST' });
    expect(server.seen).toHaveLength(3);
    await post(server.origin, { method: 'POST', idempotent: false });
    expect(server.seen).toHaveLength(4);
    await resilientFetch(undefined, { ...quick, breaker: false })(server.origin, {
      idempotent: false,
    });
    expect(server.seen).toHaveLength(5);
  });

  test.each(['false', 0, null])(
    'a request’s idempotent that is %j is refused, not repeated',
    async (idempotent) => {
      await using server = await testServer(inTurn(503));
      const get = resilientFetch(undefined, quick);
      const init = { method: 'POST', idempotent } as never;
      await expect(get(server.origin, init)).rejects.toThrow(
        'resilientFetch: init.idempotent must be true or false',
      );
      expect(server.seen).toEqual([]);
    },
  );

  test('a method is what fetch makes of it, whatever its type', async () => {
    await using server = await testServer(inTurn(503));
    const get = resilientFetch(undefined, quick);
    const error: unknown = await get(server.origin, { method: 5 as never }).catch(
      (e: unknown) => e,
    );
    const own: unknown = await fetch(server.origin, { method: 5 as never }).catch(
      (e: unknown) => e,
    );
    expect(String(error)).toBe(String(own));
  });

  test('a POST is repeated when it is known not to have been processed: 429', async () => {
    await using server = await testServer(inTurn(429));
    const response = await resilientFetch(undefined, quick)(server.origin, {
      method: 'POST',
      body: 'x',
    });
    expect(response.status).toBe(200);
    expect(server.seen).toHaveLength(2);
  });

  test.each([400, 401, 404, 409, 422, 501])(
    '%i is an answer and is not repeated',
    async (status) => {
      await using server = await testServer(inTurn(status));
      const response = await resilientFetch(undefined, quick)(server.origin);
      expect(response.status).toBe(status);
      expect(await response.text()).toBe(`${status}`);
      expect(server.seen).toHaveLength(1);
    },
  );

  test('shouldRetry sees a status as an HttpError', async () => {
    await using server = await testServer(inTurn(404));
    const shouldRetry = (error: unknown): boolean => (error as { status?: number }).status === 404;
    const get = resilientFetch(undefined, { retry: { ...quick.retry, shouldRetry } });
    expect((await get(server.origin)).status).toBe(200);
  });

  test('Retry-After is honoured, never shortened', async () => {
    await using server = await testServer((response, index) => {
      if (index === 0) reply(response, 429, '', { 'retry-after-ms': '120' });
      else reply(response, 200);
    });
    const response = await resilientFetch()(server.origin);
    expect(response.status).toBe(200);
    const [first, second] = server.seen;
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(119);
  });

  test('a Retry-After that does not fit the total time is not waited for: the response is returned', async () => {
    await using server = await testServer((response) =>
      reply(response, 503, 'busy', { 'retry-after': '20' }),
    );
    const startedAt = performance.now();
    const response = await resilientFetch(undefined, { timeout: 5_000 })(server.origin);
    expect(response.status).toBe(503);
    expect(await response.text()).toBe('busy');
    expect(performance.now() - startedAt).toBeLessThan(4_000);
    expect(server.seen).toHaveLength(1);
  });

  test('a connection that is reset before the answer is repeated', async () => {
    await using server = await testServer((response, index, request) => {
      if (index === 0) request.socket.resetAndDestroy();
      else reply(response, 200, 'again');
    });
    expect(await (await resilientFetch(undefined, quick)(server.origin)).text()).toBe('again');
  });

  test('a kept-alive connection that the server closes under a GET is repeated', async () => {
    await using server = await testServer((response, index, request) => {
      if (index === 1) request.socket.destroy();
      else reply(response, 200, `${index}`);
    });
    const get = resilientFetch(undefined, quick);
    expect(await (await get(server.origin)).text()).toBe('0');
    expect(await (await get(server.origin)).text()).toBe('2');
  });

  test('a refused connection is tried three times; the error is fetch’s own', async () => {
    const origin = await closedOrigin();
    const get = resilientFetch(undefined, { ...quick, name: 'refused' });
    const error: unknown = await get(origin, { method: 'POST', body: 'x' }).catch(
      (caught: unknown) => caught,
    );
    expect(error).toBeInstanceOf(TypeError);
    expect((error as { cause: { code: string } }).cause.code).toBe('ECONNREFUSED');
    const [retries] = [...get.parts()].filter(({ kind }) => kind === 'retry');
    expect(retries?.snapshot().counts).toMatchObject({ attempts: 3, gaveUp: { attempts: 1 } });
  });

  test('a body that is cut off after the headers is the reader’s error', async () => {
    await using server = await testServer((response, _, request) => {
      response
        .writeHead(200, { 'content-length': '100' })
        .write('part', () => request.socket.resetAndDestroy());
    });
    const response = await resilientFetch(undefined, quick)(server.origin);
    await expect(response.text()).rejects.toThrow('terminated');
    expect(server.seen).toHaveLength(1);
  });

  test('redirects are followed as ever, or handed on when they are manual', async () => {
    await using server = await testServer((response, _, request) => {
      if (request.url === '/a') reply(response, 302, '', { location: '/b' });
      else reply(response, 200, 'b');
    });
    const get = resilientFetch(undefined, quick);
    const followed = await get(`${server.origin}/a`);
    expect(followed).toMatchObject({ redirected: true, url: `${server.origin}/b` });
    expect((await get(`${server.origin}/a`, { redirect: 'manual' })).status).toBe(302);
  });

  test('retry: false tries once', async () => {
    await using server = await testServer(inTurn(503));
    expect((await resilientFetch(undefined, { retry: false })(server.origin)).status).toBe(503);
    expect(server.seen).toHaveLength(1);
  });
});

describe('request bodies', () => {
  test('a Request is copied for each attempt, and counts as used afterwards', async () => {
    await using server = await testServer(inTurn(503, 503));
    const request = new Request(server.origin, { method: 'PUT', body: 'payload' });
    expect((await resilientFetch(undefined, quick)(request)).status).toBe(200);
    expect(server.seen.map(({ body }) => body)).toEqual(['payload', 'payload', 'payload']);
    expect(request.bodyUsed).toBe(true);
  });

  test('undici’s own Request goes through undici’s fetch', async () => {
    await using server = await testServer(inTurn(503));
    const request = new UndiciRequest(server.origin, { method: 'PUT', body: 'payload' });
    expect((await resilientFetch(undiciFetch, quick)(request)).status).toBe(200);
    expect(server.seen.map(({ body }) => body)).toEqual(['payload', 'payload']);
    expect(request.bodyUsed).toBe(true);
  });

  test('a Request that was used before is refused as by fetch', async () => {
    await using server = await testServer(inTurn());
    const request = new Request(server.origin, { method: 'PUT', body: 'payload' });
    await request.text();
    await expect(resilientFetch(undefined, quick)(request)).rejects.toThrow(TypeError);
    expect(server.seen).toHaveLength(0);
  });

  test('a stream is sent once and never replayed', async () => {
    await using server = await testServer(inTurn(503));
    const init = { method: 'PUT', body: new Blob(['streamed']).stream(), duplex: 'half' } as const;
    const response = await resilientFetch(undefined, quick)(server.origin, init);
    expect(response.status).toBe(503);
    expect(server.seen.map(({ body }) => body)).toEqual(['streamed']);
  });

  test('forms, blobs and parameters are sent again', async () => {
    await using server = await testServer((response, index) =>
      reply(response, index % 2 === 0 ? 503 : 200),
    );
    const put = resilientFetch(undefined, quick);
    const form = new FormData();
    form.set('a', 'form');
    for (const body of [form, new Blob(['blob']), new URLSearchParams({ a: 'params' })]) {
      expect((await put(server.origin, { method: 'PUT', body })).status).toBe(200);
    }
    const bodies = server.seen.map(
      ({ body }) => /form|blob|params/.exec(body.split('\n').slice(-3).join())?.[0],
    );
    expect(bodies).toEqual(['form', 'form', 'blob', 'blob', 'params', 'params']);
  });
});

describe('time and abort', () => {
  test('a POST that times out is not repeated, and the error says who gave up', async () => {
    await using server = await testServer(() => {});
    const post = resilientFetch(undefined, { ...quick, name: 'api', attemptTimeout: 40 });
    const call = post(server.origin, { method: 'POST' });
    await expect(call).rejects.toMatchObject({
      code: 'ETIMEDOUT',
      policy: 'api-attempt',
      durationMs: 40,
    });
    expect(server.seen).toHaveLength(1);
  });

  test('the timeouts end with the headers: a slow body is the reader’s to wait for', async () => {
    await using server = await testServer((response) => {
      response.writeHead(200).write('slow ');
      setTimeout(() => response.end('body'), 90);
    });
    const { signal } = new AbortController();
    const get = resilientFetch(undefined, { timeout: 40, attemptTimeout: 40 });
    const response = await get(server.origin, { signal });
    expect(await response.text()).toBe('slow body');
  });

  test('the total time bounds attempts and waits', async () => {
    await using server = await testServer(() => {});
    const get = resilientFetch(undefined, { name: 'api', timeout: 60, attemptTimeout: Infinity });
    await expect(get(server.origin)).rejects.toMatchObject({
      code: 'ETIMEDOUT',
      policy: 'api-total',
    });
    await until(() => server.sockets.size === 0);
  });

  test('the caller’s abort ends a call at once, with its reason, and is not repeated', async () => {
    await using server = await testServer(() => {});
    const caller = new AbortController();
    const call = resilientFetch(undefined, quick)(server.origin, { signal: caller.signal });
    await until(() => server.seen.length === 1);
    const reason = new Error('gone');
    caller.abort(reason);
    await expect(call).rejects.toBe(reason);
    await until(() => server.sockets.size === 0);
    expect(server.seen).toHaveLength(1);
  });

  test('a Request’s own signal is the caller’s; null takes it away', async () => {
    await using server = await testServer(inTurn());
    const request = new Request(server.origin, { signal: AbortSignal.abort(new Error('before')) });
    const get = resilientFetch(undefined, quick);
    await expect(get(request)).rejects.toThrow('before');
    expect(server.seen).toHaveLength(0);
    expect((await get(request, { signal: null })).status).toBe(200);
  });

  test('the caller’s abort in the wait before a retry ends it at once', async () => {
    await using server = await testServer((response) =>
      reply(response, 503, '', { 'retry-after': '20' }),
    );
    const caller = new AbortController();
    const get = resilientFetch();
    const retried = new Promise<void>((resolve) => {
      for (const part of get.parts()) part.onEvent?.(({ type }) => type === 'retry' && resolve());
    });
    const call = get(server.origin, { signal: caller.signal });
    await retried;
    caller.abort(new Error('no patience'));
    await expect(call).rejects.toThrow('no patience');
  });

  test('the deadline travels on with the signal that the fetch gets', async () => {
    let left: number | undefined;
    const get = resilientFetch(
      (_input: string, init?: RequestInit) => {
        left = deadlineOf(init?.signal ?? undefined)?.remainingMs;
        return Promise.resolve(new Response());
      },
      { timeout: 5_000, attemptTimeout: 9_000 },
    );
    await get('http://a.example');
    expect(left).toBeGreaterThan(4_000);
    expect(left).toBeLessThanOrEqual(5_000);
  });

  test('a caller’s long-lived signal has one listener, and none when the bodies are gone', async () => {
    await using server = await testServer((response) => reply(response, 200, 'body'));
    const { signal } = new AbortController();
    const get = resilientFetch(undefined, quick);
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => get(server.origin, { signal })),
    );
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    await Promise.all(answers.map((response) => response.text()));
    answers.length = 0;
    setFlagsFromString('--expose-gc');
    const gc = runInNewContext('gc') as () => void;
    await until(() => {
      gc();
      return getEventListeners(signal, 'abort').length === 0;
    });
  });
});

describe('the deadline header', () => {
  test('is that of the total time when less of it is left; a Request keeps its headers', async () => {
    await using server = await testServer(inTurn());
    const get = resilientFetch(undefined, { timeout: 3_000, deadlineHeader: 'grpc' });
    await get(new Request(server.origin, { headers: { 'x-a': 'b' } }));
    const [headers] = server.seen.map((request) => request.headers);
    expect(headers?.['x-a']).toBe('b');
    const [, left] = /^(\d+)m$/.exec(String(headers?.['grpc-timeout'])) ?? [];
    expect(Number(left)).toBeGreaterThan(2_000);
    expect(Number(left)).toBeLessThanOrEqual(3_000);
  });

  test('is left out without a deadline, and the caller’s own stays', async () => {
    await using server = await testServer(inTurn());
    const get = resilientFetch(undefined, { deadlineHeader: 'envoy' });
    await get(server.origin, { headers: { 'X-Envoy-Expected-Rq-Timeout-Ms': '5' } });
    const free = { timeout: Infinity, attemptTimeout: Infinity, deadlineHeader: 'envoy' } as const;
    await resilientFetch(undefined, free)(server.origin);
    const sent = server.seen.map(({ headers }) => headers['x-envoy-expected-rq-timeout-ms']);
    expect(sent).toEqual(['5', undefined]);
  });
});

describe('breakers', () => {
  const breaker = { failureThreshold: 2, resetTimeout: 60_000 };

  test('each origin has its own; not-ok answers open it, 4xx do not', async () => {
    await using bad = await testServer((response) => reply(response, 503));
    await using good = await testServer((response) => reply(response, 404));
    const get = resilientFetch(undefined, { retry: false, breaker, name: 'api' });
    for (const _ of [1, 2]) expect((await get(bad.origin)).status).toBe(503);
    await expect(get(`${bad.origin}/other`)).rejects.toMatchObject({
      code: 'ECIRCUITOPEN',
      policy: `api ${bad.origin}`,
    });
    for (const _ of [1, 2, 3]) expect((await get(good.origin)).status).toBe(404);
    expect(bad.seen).toHaveLength(2);
    expect(get.snapshot().status).toBe('degraded');
  });

  test('an open breaker burns no attempts', async () => {
    await using server = await testServer((response) => reply(response, 503));
    const get = resilientFetch(undefined, { ...quick, breaker });
    expect((await get(server.origin)).status).toBe(503);
    await expect(get(server.origin)).rejects.toMatchObject({ code: 'ECIRCUITOPEN' });
    expect(server.seen).toHaveLength(2);
  });

  test('an origin that is down is refused at once, however much time a call has', async () => {
    await using server = await testServer((response) => reply(response, 503));
    const clock = manualClock();
    const usual = { ...quick, clock, timeout: 600_000, breaker: { failureThreshold: 1 } };
    const get = resilientFetch(undefined, usual);
    expect((await get(server.origin)).status).toBe(503);
    await expect(get(server.origin)).rejects.toMatchObject({ code: 'ECIRCUITOPEN' });
    expect(server.seen).toHaveLength(1);
    const patient = resilientFetch(undefined, {
      ...usual,
      retry: { ...quick.retry, maxBreakerWait: Infinity },
    });
    let isOver = false;
    const end = new AbortController();
    const call = patient(server.origin, { signal: end.signal }).finally(() => (isOver = true));
    await vi.waitFor(() => expect(server.seen).toHaveLength(2));
    await clock.advance(1_000);
    expect(isOver).toBe(false);
    end.abort();
    await expect(call).rejects.toThrow('aborted');
  });

  test('a group of one’s own is shared between fetches', async () => {
    await using server = await testServer((response) => reply(response, 503));
    const group = circuitBreakers(() => breaker);
    const one = resilientFetch(undefined, { retry: false, breaker: group });
    const two = resilientFetch(undefined, { retry: false, breaker: group });
    await one(server.origin);
    await two(server.origin);
    expect(group.get(server.origin)?.state).toBe('open');
    await expect(one(server.origin)).rejects.toMatchObject({ code: 'ECIRCUITOPEN' });
  });

  test.each([
    [
      'throws',
      () => {
        throw new Error('bug');
      },
    ],
    ['returns no options', () => 5],
    ['returns bad options', () => ({ failureThreshold: -1 })],
  ])('a function that %s leaves its origin with the usual breaker', async (_, breaker) => {
    await using server = await testServer((response) => reply(response, 503));
    const get = resilientFetch(undefined, { retry: false, breaker: breaker as never });
    for (let i = 0; i < 5; i += 1) expect((await get(server.origin)).status).toBe(503);
    await expect(get(server.origin)).rejects.toMatchObject({
      code: 'ECIRCUITOPEN',
      policy: server.origin,
    });
  });

  test('they learn by the classification that they are given', async () => {
    await using server = await testServer((response) => reply(response, 404));
    const get = resilientFetch(undefined, {
      retry: false,
      breaker,
      classify: (error) => ({ ...classify(error), breakerFailure: true }),
    });
    for (const _ of [1, 2]) expect((await get(server.origin)).status).toBe(404);
    await expect(get(server.origin)).rejects.toMatchObject({ code: 'ECIRCUITOPEN' });
  });

  test('options may depend on the origin, and false means none', async () => {
    await using server = await testServer((response) => reply(response, 503));
    const asked: string[] = [];
    const get = resilientFetch(undefined, {
      retry: false,
      breaker: (origin) => {
        asked.push(origin);
        return breaker;
      },
    });
    await get(`${server.origin}/a?b`);
    await get(`${server.origin}/c`);
    expect(asked).toEqual([server.origin]);
    const free = resilientFetch(undefined, { retry: false, breaker: false });
    for (const _ of [1, 2, 3]) expect((await free(server.origin)).status).toBe(503);
  });
});

describe('stream', () => {
  /** Tokens as a language model sends them. */
  const token = (text: string): string => `data: {"delta":${JSON.stringify(text)}}\n\n`;

  async function readTokens(chunks: AsyncIterable<Uint8Array>, into: string[]): Promise<void> {
    const decoder = new TextDecoder();
    let rest = '';
    for await (const chunk of chunks) {
      const events = (rest + decoder.decode(chunk, { stream: true })).split('\n\n');
      rest = events.pop() ?? '';
      for (const event of events)
        into.push((JSON.parse(event.slice(6)) as { delta: string }).delta);
    }
  }

  test('tokens are read to their end; a 503 and a cut before the first of them are retried', async () => {
    await using server = await testServer((response, index, request) => {
      if (index === 0) return reply(response, 503);
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
      if (index === 1) return void request.socket.resetAndDestroy();
      response.write(token('Hello,'));
      response.write(token(' wor'));
      response.end(token('ld'));
    });
    const llm = resilientFetch(undefined, quick);
    const tokens: string[] = [];
    await readTokens(
      llm.stream(server.origin, { method: 'POST', body: '{}', idempotent: true }),
      tokens,
    );
    expect(tokens.join('')).toBe('Hello, world');
    expect(server.seen.map(({ body }) => body)).toEqual(['{}', '{}', '{}']);
  });

  test('a cut after the first token reaches the reader and is not retried', async () => {
    let cut = (): unknown => undefined;
    await using server = await testServer((response, _, request) => {
      response.writeHead(200).write(token('one'));
      cut = () => request.socket.resetAndDestroy();
    });
    const tokens: string[] = [];
    const read = readTokens(resilientFetch(undefined, quick).stream(server.origin), tokens);
    const cutting = until(() => tokens.length === 1).then(() => cut());
    await expect(read).rejects.toThrow('terminated');
    await cutting;
    expect(tokens).toEqual(['one']);
    expect(server.seen).toHaveLength(1);
  });

  test('the total time covers the body', async () => {
    await using server = await testServer((response) => {
      response.writeHead(200).write(token('one'));
    });
    const tokens: string[] = [];
    const llm = resilientFetch(undefined, { ...quick, name: 'llm', timeout: 80 });
    await expect(readTokens(llm.stream(server.origin), tokens)).rejects.toMatchObject({
      policy: 'llm-total',
    });
    expect(tokens).toEqual(['one']);
    await until(() => server.sockets.size === 0);
  });

  test('idle bounds the gap between tokens', async () => {
    await using server = await testServer((response) => {
      response.writeHead(200).write(token('one'));
    });
    const read = readTokens(
      resilientFetch(undefined, quick).stream(server.origin, { idle: 50 }),
      [],
    );
    await expect(read).rejects.toMatchObject({ code: 'ETIMEDOUT', durationMs: 50 });
  });

  test('break aborts the request and counts as a success', async () => {
    await using server = await testServer((response) => {
      response.writeHead(200).write(token('one'));
    });
    const llm = resilientFetch(undefined, quick);
    for await (const _ of llm.stream(server.origin)) break;
    await until(() => server.sockets.size === 0);
  });

  test('a status that stays not ok is thrown as an HttpError', async () => {
    await using server = await testServer((response) => reply(response, 401, 'no'));
    const read = readTokens(resilientFetch(undefined, quick).stream(server.origin), []);
    await expect(read).rejects.toMatchObject({ name: 'HttpError', status: 401 });
  });

  test('an answer without a body is an empty stream', async () => {
    await using server = await testServer((response) => reply(response, 204));
    const tokens: string[] = [];
    await readTokens(resilientFetch(undefined, quick).stream(server.origin), tokens);
    expect(tokens).toEqual([]);
  });
});

describe('options and component', () => {
  test.each([
    [{ timeout: 0 }, 'resilientFetch: timeout must be > 0 (Infinity is allowed), got 0'],
    [{ attemptTimeout: Number.NaN }, 'resilientFetch: attemptTimeout'],
    [{ deadlines: 1 }, "unknown option 'deadlines'"],
    [{ retry: true }, 'resilientFetch: retry must be options or false'],
    [
      { retry: { idempotent: true } },
      'resilientFetch: retry.idempotent is not taken: use idempotent',
    ],
    [{ retry: { maxAttempts: 0 } }, 'retry: maxAttempts'],
    [{ breaker: 3 }, 'resilientFetch: breaker must be'],
    [{ breaker: new Map() }, 'circuitBreakers(…) or false, got an iterable'],
    [{ retry: [] }, 'resilientFetch: retry must be options or false, got an iterable'],
    [{ breaker: { foo: 1 } }, "unknown option 'foo'"],
    [{ breaker: { failureThreshold: -1 } }, 'failureThreshold must be'],
    [{ breaker: { fleet: 5 } }, 'resilientFetch: breaker.fleet must be a fleet, got number'],
    [
      { breaker: circuitBreaker({}) },
      'resilientFetch: breaker must be options, a function of the origin, circuitBreakers(…) or false, got another policy',
    ],
    [{ idempotent: 'yes' }, 'resilientFetch: idempotent must be true or false'],
    [
      { deadlineHeader: 'http' },
      "resilientFetch: deadlineHeader must be one of 'grpc', 'connect', 'envoy', got 'http'",
    ],
    [{ classify: 1 }, 'resilientFetch: classify must be a function'],
  ])('%j is refused', (options, message) => {
    expect(() => resilientFetch(undefined, options as ResilientFetchOptions)).toThrow(message);
  });

  test('it is a component with its policies as parts', () => {
    const get = resilientFetch(undefined, { name: 'catalogue' });
    expect([get.kind, get.name]).toEqual(['fetch', 'catalogue']);
    expect([...get.parts()].map(({ kind, name }) => `${kind} ${name}`)).toEqual([
      'timeout catalogue-total',
      'retry catalogue',
      'circuit-breakers catalogue',
      'timeout catalogue-attempt',
    ]);
    expect(get.snapshot()).toEqual({ status: 'up', counts: {} });
  });

  test('the global fetch is looked up at each call', async () => {
    const get = resilientFetch();
    const { fetch } = globalThis;
    globalThis.fetch = () => Promise.resolve(new Response('replaced'));
    try {
      expect(await (await get('http://a.example')).text()).toBe('replaced');
    } finally {
      globalThis.fetch = fetch;
    }
  });
});
