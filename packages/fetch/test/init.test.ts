import { describe, expect, test } from 'vitest';
import { exponential } from '@fournines/retry';
import { type ResilientFetch, resilientFetch } from '../src/index.ts';
import { testServer } from './server.ts';

const AT_ONCE = { backoff: exponential({ initial: 0 }) };

async function drain(chunks: AsyncIterable<unknown>): Promise<void> {
  for await (const _chunk of chunks);
}

/** A class whose members fetch reads all the same. */
class Init {
  get method(): string {
    return 'POST';
  }
  get headers(): Record<string, string> {
    return { 'x-from': 'class', 'idempotency-key': 'k' };
  }
  readonly body = 'payload';
}

const sent = { method: 'POST', body: 'payload' };
const kinds: readonly [string, () => object, string][] = [
  ['a plain object', () => ({ ...sent, headers: { 'x-from': 'plain' } }), 'plain'],
  ['an object of a class with getters', () => new Init(), 'class'],
  [
    'an object that inherits its members',
    () => Object.create({ ...sent, headers: { 'x-from': 'inherited' } }) as object,
    'inherited',
  ],
  [
    'a Request, as a proxy passes on what it got',
    () => new Request('http://elsewhere/', { ...sent, headers: { 'x-from': 'request' } }),
    'request',
  ],
];

describe.each(kinds)('an init that is %s', (_kind, init, from) => {
  const ways: readonly [string, (get: ResilientFetch, url: string) => Promise<unknown>][] = [
    ['called', async (get, url) => (await get(url, init())).text()],
    ['read', (get, url) => get.read(url, init(), (response) => response.text())],
    ['streamed', (get, url) => drain(get.stream(url, init()))],
  ];
  test.each(ways)('is sent whole when it is %s', async (_way, call) => {
    await using server = await testServer((response) => response.end('ok'));
    await call(resilientFetch(), server.origin);
    expect(server.seen[0]).toMatchObject({
      method: 'POST',
      body: 'payload',
      headers: { 'x-from': from },
    });
  });
});

test('headers that can be read once only are sent with each attempt, and their Idempotency-Key counts', async () => {
  await using server = await testServer((response, index) => {
    response.writeHead(index === 0 ? 500 : 200).end();
  });
  const get = resilientFetch(undefined, { retry: AT_ONCE });
  function* headers(): Generator<[string, string]> {
    yield ['authorization', 'Bearer secret'];
    yield ['idempotency-key', 'k-1'];
  }
  const answer = await get(server.origin, { method: 'POST', headers: headers() as never });
  expect(answer.status).toBe(200);
  expect(server.seen.map((request) => request.headers['authorization'])).toEqual([
    'Bearer secret',
    'Bearer secret',
  ]);
});

test('an init that is no object is refused, as by fetch', async () => {
  await expect(resilientFetch()('http://127.0.0.1:1/', 5 as never)).rejects.toThrow(
    'resilientFetch: init must be an object, got number',
  );
});
