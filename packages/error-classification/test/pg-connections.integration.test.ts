import { appendFile } from 'node:fs/promises';
import path from 'node:path';
import { freePort, type PostgresServer, startPostgres } from '@fournines/test-services';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { classify } from '../src/index.ts';
import { type Meaning, meaningOf, rejection, until } from './meaning.ts';
import { connect, isBusy } from './pg-session.ts';

let server: PostgresServer;

beforeAll(async () => {
  server = await startPostgres();
  const admin = await connect(server.url);
  await admin.run(
    "CREATE ROLE guarded LOGIN PASSWORD 'right'",
    'CREATE ROLE rejected LOGIN',
    'CREATE ROLE crowded LOGIN CONNECTION LIMIT 0',
    'CREATE ROLE stranger LOGIN',
    'CREATE DATABASE closed',
    'REVOKE CONNECT ON DATABASE closed FROM PUBLIC',
    `ALTER SYSTEM SET hba_file = '${path.join(server.folder, 'pg_hba.conf')}'`,
  );
  await admin.client.end();
  await appendFile(
    path.join(server.folder, 'pg_hba.conf'),
    [
      'host all guarded 127.0.0.1/32 scram-sha-256',
      'host all rejected 127.0.0.1/32 reject',
      'host all all 127.0.0.1/32 trust',
    ].join('\n'),
  );
  await server.restart();
});
afterAll(() => server.stop());

/** The server's address with another user, password or database. */
function address(user: string, database = 'postgres', password = ''): string {
  const url = new URL(server.url);
  return Object.assign(url, { username: user, password, pathname: database }).href;
}

describe('the server refuses us', () => {
  it.each<readonly [string, Meaning, () => string]>([
    [
      'a wrong password',
      ['28P01', 'authentication', 'no', true],
      () => address('guarded', 'postgres', 'wrong'),
    ],
    [
      'a host that is not allowed',
      ['28000', 'authentication', 'no', true],
      () => address('rejected'),
    ],
    [
      'a role that does not exist',
      ['28000', 'authentication', 'no', true],
      () => address('nobody'),
    ],
    [
      'a database that does not exist',
      ['3D000', 'configuration', 'no', true],
      () => address('postgres', 'nothing'),
    ],
    [
      'a database that is closed to us',
      ['42501', 'authorization', 'no', false],
      () => address('stranger', 'closed'),
    ],
    ['too many connections', ['53300', 'overload', 'yes', true], () => address('crowded')],
  ])('%s', async (_, meaning, url) => {
    const error = await rejection(connect(url()));
    expect(error).toMatchObject({ code: meaning[0], severity: 'FATAL' });
    expect(meaningOf(classify, error)).toEqual(meaning);
  });

  it('TLS that the server does not have', async () => {
    const error = await rejection(connect(server.url, { ssl: true }));
    expect(meaningOf(classify, error)).toEqual([
      'msg:The server does not support SSL connections',
      ...['configuration', 'no', true],
    ]);
  });
});

describe('the server is not there', () => {
  it('nobody listens', async () => {
    const port = await freePort();
    const error = await rejection(connect(`postgres://postgres@127.0.0.1:${port}/postgres`));
    expect(error).toMatchObject({ code: 'ECONNREFUSED' });
    expect(meaningOf(classify, error)).toEqual(['ECONNREFUSED', 'unavailable', 'yes', true]);
  });

  it('gone in mid query: no code, and nobody knows whether the query took effect', async () => {
    await using observer = await connect(server.url);
    await using session = await connect(server.url);
    const failed = rejection(session.run('SELECT pg_sleep(30)'));
    await until(() => isBusy(observer, session.pid));
    await server.kill();
    const error = await failed;
    expect(error).not.toHaveProperty('sqlState');
    expect(meaningOf(classify, error).slice(1)).toEqual(['network', 'if-idempotent', true]);
    await session.ended;
    const next = await rejection(session.run('SELECT 1'));
    expect(meaningOf(classify, next)).toEqual([
      'msg:Client has encountered a connection error and is not queryable',
      ...['network', 'yes', true],
    ]);
    expect(meaningOf(classify, await rejection(connect(server.url)))).toEqual([
      'ECONNREFUSED',
      ...['unavailable', 'yes', true],
    ]);
    await server.restart();
  });

  it('hanging: a client and a pool give up connecting, and nothing was sent', async () => {
    const pool = new pg.Pool({ connectionString: server.url, connectionTimeoutMillis: 50 });
    server.hang();
    try {
      const single = await rejection(connect(server.url, { connectionTimeoutMillis: 50 }));
      expect(meaningOf(classify, single)).toEqual(['msg:timeout expired', 'timeout', 'yes', true]);
      const pooled = await rejection(pool.query('SELECT 1'));
      expect(meaningOf(classify, pooled)).toEqual([
        'msg:Connection terminated due to connection timeout',
        ...['timeout', 'yes', true],
      ]);
    } finally {
      server.resume();
      await pool.end();
    }
  });
});

describe('the server goes down', () => {
  // PostgreSQL sends 57P02 as a warning, so node-postgres has it as a notice, and the error has no code.
  it('another session crashed, and takes ours with it', async () => {
    await using victim = await connect(server.url);
    await using observer = await connect(server.url);
    await using session = await connect(server.url);
    const notice = new Promise((resolve) => session.client.once('notice', resolve));
    const failed = rejection(session.run('SELECT pg_sleep(30)'));
    await until(() => isBusy(observer, session.pid));
    process.kill(victim.pid, 'SIGKILL');
    expect(meaningOf(classify, await notice)).toEqual([
      '57P02',
      ...['unavailable', 'if-idempotent', true],
    ]);
    expect(meaningOf(classify, await failed).slice(1)).toEqual(['network', 'if-idempotent', true]);
    await until(() => connects());
  });

  it('57P03: it is shutting down, and takes no new session', async () => {
    await using session = await connect(server.url);
    expect(server.pid).toBeDefined();
    process.kill(server.pid ?? 0, 'SIGTERM');
    const errors: unknown[] = [];
    await until(async () => {
      const attempt = await connect(server.url).catch((error: unknown) => error);
      if (attempt instanceof Error) return errors.push(attempt) > 0;
      await (attempt as AsyncDisposable)[Symbol.asyncDispose]();
      return false;
    });
    expect(errors[0]).toMatchObject({ code: '57P03' });
    expect(meaningOf(classify, errors[0])).toEqual(['57P03', 'unavailable', 'yes', true]);
    await session.client.end();
    await session.ended;
  });
});

async function connects(): Promise<boolean> {
  try {
    const session = await connect(server.url);
    await session[Symbol.asyncDispose]();
    return true;
  } catch {
    return false;
  }
}
