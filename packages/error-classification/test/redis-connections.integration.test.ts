import { freePort, type RedisServer, startRedis } from '@fournines/test-services';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { classify } from '../src/index.ts';
import { meaningOf, rejection, until } from './meaning.ts';
import { redisClients } from './redis-clients.ts';

const clients = redisClients();
let server: RedisServer;

beforeAll(async () => {
  server = await startRedis();
});
afterAll(async () => {
  clients[Symbol.dispose]();
  await server.stop();
});

const LOST = ['network', 'if-idempotent', true] as const;

it('maxRetriesPerRequest: given up while nobody listens', async () => {
  const client = clients.connect({ port: await freePort() }, { maxRetriesPerRequest: 1 });
  const refused = new Promise((resolve) => client.once('error', resolve));
  const error = await rejection(client.get('text'));
  expect(meaningOf(classify, error)).toEqual(['MaxRetriesPerRequestError', ...LOST]);
  expect(meaningOf(classify, await refused)).toEqual(['ECONNREFUSED', 'unavailable', 'yes', true]);
});

it('no offline queue: the command was never sent', async () => {
  const client = clients.connect({ port: await freePort() }, { enableOfflineQueue: false });
  const error = await rejection(client.get('text'));
  expect(meaningOf(classify, error)).toEqual([
    "msg:Stream isn't writeable and enableOfflineQueue options is false",
    ...['unavailable', 'yes', true],
  ]);
});

it('killed with a command in flight: nobody knows whether it took effect', async () => {
  await using mortal = await startRedis();
  const client = clients.connect(mortal, { retryStrategy: () => null });
  await client.ping();
  const failed = rejection(client.blpop('nothing', 0));
  await mortal.kill();
  expect(meaningOf(classify, await failed)).toEqual(['msg:Connection is closed.', ...LOST]);
  const next = await rejection(client.get('text'));
  expect(meaningOf(classify, next)).toEqual(['msg:Connection is closed.', ...LOST]);
});

it('killed in the middle of a pipeline', async () => {
  await using mortal = await startRedis();
  const client = clients.connect(mortal);
  await client.ping();
  const failed = client.pipeline().set('a', '1').blpop('nothing', 0).set('b', '1').exec();
  await until(async () =>
    (await clients.connect(mortal).info('clients')).includes('blocked_clients:1'),
  );
  await mortal.kill();
  const results = await failed;
  expect(results?.[0]).toEqual([null, 'OK']);
  expect(meaningOf(classify, results?.[1]?.[0])).toEqual([
    'AbortError:Command aborted due to connection close',
    ...LOST,
  ]);
});

it('commandTimeout: the server hangs', async () => {
  await using hanging = await startRedis();
  const client = clients.connect(hanging, { commandTimeout: 30 });
  await client.ping();
  hanging.hang();
  try {
    const error = await rejection(client.get('text'));
    expect(meaningOf(classify, error)).toEqual([
      'msg:Command timed out',
      'timeout',
      'if-idempotent',
      true,
    ]);
  } finally {
    hanging.resume();
  }
});

it('socketTimeout: the server hangs, and the connection is given up', async () => {
  await using hanging = await startRedis();
  const client = clients.connect(hanging, { socketTimeout: 30, retryStrategy: () => null });
  await client.ping();
  const broken = new Promise((resolve) => client.once('error', resolve));
  hanging.hang();
  try {
    const failed = await rejection(client.get('text'));
    expect(meaningOf(classify, failed)).toEqual(['msg:Connection is closed.', ...LOST]);
    expect(meaningOf(classify, await broken)).toEqual([
      'msg:Socket timeout.',
      ...['timeout', 'if-idempotent', true],
    ]);
  } finally {
    hanging.resume();
  }
});

it('a connection that subscribes takes no commands', async () => {
  const client = clients.connect(server, { protocol: 2 });
  await client.subscribe('news');
  const error = await rejection(client.set('a', 'b'));
  expect(meaningOf(classify, error)).toEqual([
    'msg:Connection in subscriber mode, only subscriber commands may be used',
    ...['bug', 'no', false],
  ]);
});
