import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { freePort, type RedisServer, startRedis } from '@fournines/test-services';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { classify } from '../src/index.ts';
import { classifyRedis } from '../src/redis.ts';
import { type Meaning, meaningOf, rejection, until } from './meaning.ts';
import { redisClients } from './redis-clients.ts';

const clients = redisClients();
let server: RedisServer;
let redis: Redis;

beforeAll(async () => {
  server = await startRedis({
    args: ['--enable-debug-command', 'local', '--lua-time-limit', '10'],
  });
  redis = clients.connect(server);
  await redis.set('text', 'hello');
  await redis.acl('SETUSER', 'reader', 'on', '>pw', '~*', '+get', '+auth', '+hello');
  await redis.xadd('stream', '*', 'a', '1');
  await redis.xgroup('CREATE', 'stream', 'group', '0');
});
afterAll(async () => {
  clients[Symbol.dispose]();
  await server.stop();
});

/** The reply is real: its class, its first words, its meaning; the same without the other tables. */
function expectReply(error: unknown, meaning: Meaning): void {
  expect(error).toMatchObject({
    name: 'ReplyError',
    message: expect.stringMatching(new RegExp(`^${meaning[0] ?? ''}`, 'i')),
  });
  expect(meaningOf(classify, error)).toEqual(meaning);
  expect(classifyRedis(error)).toEqual(classify(error));
}

const BUG = ['bug', 'no', false] as const;

describe('replies to what we sent', () => {
  it.each<Meaning>([
    ['WRONGTYPE', ...BUG],
    ['ERR syntax error', ...BUG],
    ['ERR value is not an integer or out of range', 'validation', 'no', false],
    ['ERR unknown command', 'configuration', 'no', false],
    ['NOSCRIPT', 'not-found', 'yes', false],
    ['BUSYGROUP', 'conflict', 'no', false],
    ['BUSYKEY', 'conflict', 'no', false],
    ['NOGROUP', 'not-found', 'no', false],
    ['NOPROTO', 'configuration', 'no', false],
  ])('%s is %s', async (...meaning) => {
    const commands: Readonly<Record<string, () => Promise<unknown>>> = {
      WRONGTYPE: () => redis.incr('stream'),
      'ERR syntax error': () => redis.call('SET', 'text', 'a', 'NEVER'),
      'ERR value is not an integer or out of range': () => redis.incr('text'),
      'ERR unknown command': () => redis.call('FROBNICATE'),
      NOSCRIPT: () => redis.evalsha('0'.repeat(40), 0),
      BUSYGROUP: () => redis.xgroup('CREATE', 'stream', 'group', '0'),
      BUSYKEY: async () => {
        const dump = await redis.dumpBuffer('text');
        return redis.restore('text', 0, dump ?? '');
      },
      NOGROUP: () => redis.xreadgroup('GROUP', 'nobody', 'me', 'STREAMS', 'stream', '>'),
      NOPROTO: () => redis.call('HELLO', '9'),
    };
    const command = commands[meaning[0] ?? ''];
    expectReply(await rejection(command?.() ?? Promise.resolve()), meaning);
  });

  it('EXECABORT: one bad command undoes the whole MULTI', async () => {
    const error = await rejection(redis.multi().set('a', '1').call('SET', 'only').exec());
    expectReply(error, ['EXECABORT', ...BUG]);
  });

  it('a failed command in a MULTI that went through', async () => {
    const results = await redis.multi().set('a', '1').incr('stream').exec();
    expectReply(results?.[1]?.[0], ['WRONGTYPE', ...BUG]);
  });
});

describe('who we are', () => {
  const REFUSED = ['authentication', 'no', true] as const;

  it('NOPERM: the user may not run this command', async () => {
    const client = clients.connect(server, {
      username: 'reader',
      password: 'pw',
      enableReadyCheck: false,
    });
    expectReply(await rejection(client.set('text', '1')), ['NOPERM', 'authorization', 'no', false]);
  });

  it('WRONGPASS: the password is wrong', async () => {
    expectReply(await rejection(clients.connect(server).call('AUTH', 'reader', 'guess')), [
      'WRONGPASS',
      ...REFUSED,
    ]);
  });

  it('NOAUTH: there was no password at all', async () => {
    await using locked = await startRedis({ args: ['--requirepass', 'secret'] });
    const client = clients.connect(locked, { enableReadyCheck: false });
    expectReply(await rejection(client.get('text')), ['NOAUTH', ...REFUSED]);
  });
});

describe('a server that cannot', () => {
  const config = (...settings: string[]): Promise<unknown> =>
    redis.call('CONFIG', 'SET', ...settings);

  it('OOM: no memory, and nothing may be evicted', async () => {
    await config('maxmemory', '1', 'maxmemory-policy', 'noeviction');
    try {
      const error = await rejection(redis.set('a', 'b'));
      expectReply(error, ['OOM', 'resource-exhausted', 'no', true]);
    } finally {
      await config('maxmemory', '0');
    }
  });

  it('BUSY and UNKILLABLE: a script does not end', async () => {
    await using busy = await startRedis({ args: ['--lua-time-limit', '10'] });
    const [first, second, killer] = [1, 2, 3].map(() =>
      clients.connect(busy, { maxRetriesPerRequest: 0 }),
    );
    if (first === undefined || second === undefined || killer === undefined) throw new Error();
    await Promise.all([first.ping(), second.ping(), killer.ping()]);
    const endless = rejection(first.eval('while true do end', 0));
    expectReply(await firstError(() => second.get('text')), ['BUSY', 'overload', 'yes', true]);
    await killer.script('KILL');
    expect(await endless).toMatchObject({ name: 'ReplyError' });

    const writing = "while true do redis.call('set', 'a', 'b') end";
    const lost = rejection(first.eval(writing, 0));
    expectReply(await firstError(() => second.get('text')), ['BUSY', 'overload', 'yes', true]);
    const error = await rejection(killer.script('KILL'));
    expectReply(error, ['UNKILLABLE', 'overload', 'no', true]);
    await busy.kill();
    expect(meaningOf(classify, await lost).slice(1)).toEqual(['network', 'if-idempotent', true]);
  });

  it('MASTERDOWN and READONLY: a replica that has lost its master', async () => {
    await using replica = await startRedis({
      args: ['--replicaof', '127.0.0.1', String(await freePort())],
    });
    const client = clients.connect(replica, { enableReadyCheck: false });
    expectReply(await rejection(client.set('a', 'b')), ['READONLY', 'failover', 'yes', true]);
    await client.call('CONFIG', 'SET', 'replica-serve-stale-data', 'no');
    expectReply(await rejection(client.get('a')), ['MASTERDOWN', 'unavailable', 'yes', true]);
  });

  it('NOREPLICAS: too few replicas to be safe', async () => {
    await config('min-replicas-to-write', '1');
    try {
      const error = await rejection(redis.set('a', 'b'));
      expectReply(error, ['NOREPLICAS', 'unavailable', 'yes', true]);
    } finally {
      await config('min-replicas-to-write', '0');
    }
  });

  it('LOADING: it still reads its data', async () => {
    const other = clients.connect(server);
    await other.ping();
    await redis.eval("for i = 1, 1000 do redis.call('set', 'many' .. i, i) end", 0);
    await config('key-load-delay', '10000', 'loading-process-events-interval-bytes', '1024');
    const loaded = redis.debug('RELOAD');
    expectReply(await firstError(() => other.get('text')), ['LOADING', 'unavailable', 'yes', true]);
    await other.config('SET', 'key-load-delay', '0');
    await loaded;
    expect(await other.get('text')).toBe('hello');
  });

  it('MISCONF: it cannot save, so it takes no writes', async () => {
    await using broken = await startRedis({ args: ['--dbfilename', 'taken'] });
    // A folder that is not empty cannot be replaced by a file.
    await mkdir(path.join(broken.folder, 'taken', 'full'), { recursive: true });
    const client = clients.connect(broken);
    await client.config('SET', 'save', '3600 1');
    await client.bgsave();
    await until(async () =>
      (await client.info('persistence')).includes('rdb_last_bgsave_status:err'),
    );
    const error = await rejection(client.set('a', 'b'));
    expectReply(error, ['MISCONF', 'resource-exhausted', 'no', true]);
    await broken.kill();
  });
});

/** The first error of a command that is sent again until it fails. */
async function firstError(command: () => Promise<unknown>): Promise<unknown> {
  const errors: unknown[] = [];
  await until(async () => {
    await command().catch((error: unknown) => errors.push(error));
    return errors.length > 0;
  });
  return errors[0];
}
