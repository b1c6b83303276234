import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { describe, expect, it, vi } from 'vitest';
import { sharedRedis, startPostgres, startRedis, testDatabase } from '../src/index.ts';

async function answer(url: string, sql: string): Promise<unknown> {
  const client = new pg.Client({ connectionString: url, query_timeout: 300 });
  client.on('error', () => undefined);
  await client.connect();
  try {
    const { rows } = await client.query<{ answer: unknown }>(sql);
    return rows[0]?.answer;
  } finally {
    void client.end().catch(() => undefined);
  }
}

async function redisSays(port: number, command: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  try {
    socket.write(`${command}\r\n`);
    const [data] = (await once(socket, 'data', { signal: AbortSignal.timeout(300) })) as [Buffer];
    return data.toString().trim();
  } finally {
    socket.destroy();
  }
}

describe('a PostgreSQL of a test', () => {
  it('answers, dies, comes back on its port with its data, hangs, goes on, and leaves nothing', async () => {
    const server = await startPostgres();
    const url = await server.createDatabase('shop');
    await answer(url, 'CREATE TABLE orders AS SELECT 7 AS answer');
    await server.kill();
    await expect(answer(url, 'SELECT 1')).rejects.toThrow('ECONNREFUSED');

    await server.restart();
    expect(await answer(url, 'SELECT answer FROM orders')).toBe(7);

    const client = new pg.Client({ connectionString: url, query_timeout: 300 });
    client.on('error', () => undefined);
    await client.connect();
    server.hang();
    await expect(client.query('SELECT 1')).rejects.toThrow('timeout');
    server.resume();
    await client.end();
    expect(await answer(url, 'SELECT 2 AS answer')).toBe(2);

    await server.stop();
    expect(existsSync(server.folder)).toBe(false);
  }, 60_000);

  it('gives each asker an empty database of the shared server', async () => {
    await using first = await testDatabase();
    await using second = await testDatabase();
    await answer(first.url, 'CREATE TABLE mine AS SELECT 1');
    await expect(answer(second.url, 'SELECT * FROM mine')).rejects.toThrow('does not exist');
  }, 60_000);
});

describe('a Redis of a test', () => {
  it('answers, hangs, goes on, dies, comes back on its port, and leaves nothing', async () => {
    const server = await startRedis({ args: ['--maxmemory', '50mb'] });
    expect(await redisSays(server.port, 'PING')).toBe('+PONG');
    server.hang();
    await expect(redisSays(server.port, 'PING')).rejects.toThrow('abort');
    server.resume();
    expect(await redisSays(server.port, 'PING')).toBe('+PONG');
    await server.kill();
    await expect(redisSays(server.port, 'PING')).rejects.toThrow('ECONNREFUSED');
    await server.restart();
    expect(await redisSays(server.port, 'PING')).toBe('+PONG');
    await server.stop();
    expect(existsSync(server.folder)).toBe(false);
  });

  it('is there once for the whole run', async () => {
    expect(await sharedRedis()).toBe(await sharedRedis());
  });

  it('says why it did not start', async () => {
    await expect(startRedis({ args: ['--no-such-option', '1'] })).rejects.toThrow('no-such-option');
  });
});

it('ends what a killed test process has started', async () => {
  const entry = new URL('../src/index.ts', import.meta.url).href;
  const script = `
    const { startRedis } = await import(${JSON.stringify(entry)});
    const { pid, folder } = await startRedis();
    console.log(JSON.stringify({ pid, folder }));
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const { pid, folder } = JSON.parse(line.toString()) as { pid: number; folder: string };
  expect(existsSync(folder)).toBe(true);
  child.kill('SIGKILL');
  await vi.waitFor(
    () => {
      expect(existsSync(folder)).toBe(false);
      expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    },
    { timeout: 5000 },
  );
}, 20_000);
