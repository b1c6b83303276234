import type { ServerResponse } from 'node:http';
import { exponential } from '@fournines/retry';
import { fetch as undiciFetch } from 'undici';
import { describe, expect, test } from 'vitest';
import { type ResilientFetchOptions, resilientFetch } from '../src/index.ts';
import { testServer, until } from './server.ts';

/** Retries without a wait, so that no test sleeps. */
const quick: ResilientFetchOptions = { retry: { backoff: exponential({ initial: 0 }) } };

const fetches: readonly (readonly [string, typeof fetch | undefined])[] = [
  ['the global fetch', undefined],
  ["undici's fetch", undiciFetch as unknown as typeof fetch],
];

const json = (response: Response): Promise<unknown> => response.json();

function reply(response: ServerResponse, status: number, body = ''): void {
  response.writeHead(status).end(body);
}

/** Begins an answer that never ends. */
function begin(response: ServerResponse, text = '{"ok":'): void {
  response.writeHead(200, { 'content-type': 'application/json' }).write(text);
}

describe.each(fetches)('around %s', (_, fetch) => {
  test('a body that is cut off is fetched again', async () => {
    let cut = (): unknown => undefined;
    await using server = await testServer((response, index, request) => {
      if (index > 0) return reply(response, 200, '{"ok":true}');
      begin(response);
      cut = () => request.socket.resetAndDestroy();
    });
    const read = resilientFetch(fetch, quick).read(server.origin, {}, (response) => {
      cut();
      return response.json();
    });
    expect(await read).toEqual({ ok: true });
    expect(server.seen).toHaveLength(2);
  });

  test('a reader that returns the response, or its body, unread is refused', async () => {
    await using server = await testServer((response) => reply(response, 200, '{"ok":true}'));
    const api = resilientFetch(fetch, quick);
    const readers: ((r: Response) => unknown)[] = [(r) => r, (r) => r.body];
    for (const reader of readers) {
      await expect(api.read(server.origin, {}, reader)).rejects.toThrow(
        'reader must return what it has read',
      );
    }
    expect(server.seen).toHaveLength(2);
  });

  test('a slow body is the attempt’s timeout, and is fetched again', async () => {
    await using server = await testServer((response, index) =>
      index === 0 ? begin(response) : reply(response, 200, '{"ok":true}'),
    );
    const get = resilientFetch(fetch, { ...quick, attemptTimeout: 100 });
    expect(await get.read(server.origin, undefined, json)).toEqual({ ok: true });
    expect(server.seen).toHaveLength(2);
    await until(() => server.sockets.size <= 1);
  });

  test('the total time covers the body', async () => {
    await using server = await testServer((response) => begin(response));
    const get = resilientFetch(fetch, { ...quick, name: 'api', timeout: 80 });
    await expect(get.read(server.origin, {}, json)).rejects.toMatchObject({
      code: 'ETIMEDOUT',
      policy: 'api-total',
    });
    await until(() => server.sockets.size === 0);
  });

  test('the caller’s abort ends the reading with its own reason', async () => {
    await using server = await testServer((response) => begin(response));
    const caller = new AbortController();
    const reason = new Error('enough');
    const get = resilientFetch(fetch, quick);
    const read = get.read(server.origin, { signal: caller.signal }, (response) => {
      const whole = response.json();
      caller.abort(reason);
      return whole;
    });
    await expect(read).rejects.toBe(reason);
    expect(server.seen).toHaveLength(1);
    await until(() => server.sockets.size === 0);
  });

  test('what the reader leaves of the body is cancelled', async () => {
    await using server = await testServer((response) => begin(response));
    const status = await resilientFetch(fetch, quick).read(server.origin, {}, (r) => r.status);
    expect(status).toBe(200);
    await until(() => server.sockets.size === 0);
  });
});

test('a body that is no JSON is the upstream’s failure: fetched again, and counted by the breaker', async () => {
  await using server = await testServer((response) => reply(response, 200, '{"data":[{"tr'));
  const breaker = { failureThreshold: 3, resetTimeout: 60_000 };
  const get = resilientFetch(undefined, { ...quick, breaker });
  await expect(get.read(server.origin, {}, json)).rejects.toBeInstanceOf(SyntaxError);
  expect(server.seen).toHaveLength(3);
  await expect(get.read(server.origin, {}, json)).rejects.toMatchObject({ code: 'ECIRCUITOPEN' });
  expect(server.seen).toHaveLength(3);
});

test('a cut body is not fetched again where that may do something twice', async () => {
  let cut = (): unknown => undefined;
  await using server = await testServer((response, _, request) => {
    begin(response);
    cut = () => request.socket.resetAndDestroy();
  });
  const get = resilientFetch(undefined, quick);
  const read = get.read(server.origin, { method: 'POST', body: 'x' }, (response) => {
    cut();
    return response.json();
  });
  await expect(read).rejects.toThrow('terminated');
  expect(server.seen).toHaveLength(1);
});

test('a status that stays not ok is thrown as an HttpError, and the reader is not asked', async () => {
  await using server = await testServer((response) => {
    response.writeHead(503).write('a body that never ends');
  });
  let asked = 0;
  const read = resilientFetch(undefined, quick).read(server.origin, {}, () => (asked += 1));
  await expect(read).rejects.toMatchObject({ name: 'HttpError', status: 503 });
  expect(server.seen).toHaveLength(3);
  expect(asked).toBe(0);
  await until(() => server.sockets.size === 0);
});

test('a reader’s own error is handed on by identity', async () => {
  await using server = await testServer((response) => reply(response, 200, '{}'));
  const error = new TypeError('a mistake of ours');
  const get = resilientFetch(undefined, quick);
  await expect(get.read(server.origin, {}, () => Promise.reject(error))).rejects.toBe(error);
  expect(server.seen).toHaveLength(1);
});

test('a reader that is no function is refused before anything is sent', async () => {
  await using server = await testServer((response) => reply(response, 200));
  const read = resilientFetch().read(server.origin, {}, 'json' as never);
  await expect(read).rejects.toThrow(
    new TypeError("resilientFetch: reader must be a function, got 'json'"),
  );
  expect(server.seen).toHaveLength(0);
});
