import { type TestDatabase, testDatabase } from '@fournines/test-services';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { classifyPg } from '../src/pg.ts';
import { type Meaning, meaningOf, rejection, until } from './meaning.ts';
import { type Session, connect, isBlocked, isBusy } from './pg-session.ts';

let database: TestDatabase;
let observer: Session;

beforeAll(async () => {
  database = await testDatabase();
  observer = await connect(database.url);
  await observer.run(
    'CREATE TABLE account (id int PRIMARY KEY, balance int NOT NULL)',
    'INSERT INTO account VALUES (1, 100), (2, 100)',
  );
});
afterAll(async () => {
  await observer[Symbol.asyncDispose]();
  await database.drop();
});

const CONTENTION = ['contention', 'yes', false] as const;

/** The SQLSTATE is real, and its row says this. */
function expectError(error: unknown, code: string, meaning: readonly unknown[], row = code): void {
  expect(error).toMatchObject({ code });
  expect(meaningOf(classifyPg, error)).toEqual([row, ...meaning]);
}

/** Runs a statement until another session sees it at work; its outcome comes later. */
async function start(session: Session, statement: string): Promise<{ error: Promise<unknown> }> {
  const error = rejection(session.run(statement));
  await until(() => isBusy(observer, session.pid));
  return { error };
}

describe('two transactions at once', () => {
  it('40001: one of two serializable transactions has to try again', async () => {
    await using one = await connect(database.url);
    await using two = await connect(database.url);
    const begin = ['BEGIN ISOLATION LEVEL SERIALIZABLE', 'SELECT sum(balance) FROM account'];
    await one.run(...begin);
    await two.run(...begin);
    await one.run('UPDATE account SET balance = balance - 1 WHERE id = 1', 'COMMIT');
    const error = await rejection(
      two.run('UPDATE account SET balance = balance - 1 WHERE id = 2', 'COMMIT'),
    );
    expectError(error, '40001', CONTENTION);
  });

  it('40001: a repeatable read may not write over a newer row', async () => {
    await using one = await connect(database.url);
    await one.run('BEGIN ISOLATION LEVEL REPEATABLE READ', 'SELECT * FROM account');
    await observer.run('UPDATE account SET balance = balance + 1 WHERE id = 1');
    const error = await rejection(one.run('UPDATE account SET balance = 0 WHERE id = 1'));
    expectError(error, '40001', CONTENTION);
  });

  it('40P01: the victim of a deadlock has to try again', async () => {
    await using one = await connect(database.url);
    await using two = await connect(database.url);
    const take = (id: number): string => `UPDATE account SET balance = 0 WHERE id = ${id}`;
    await one.run("SET deadlock_timeout = '20ms'", 'BEGIN', take(1));
    await two.run("SET deadlock_timeout = '60s'", 'BEGIN', take(2));
    const other = two.run(take(1), 'COMMIT');
    await until(() => isBlocked(observer, two.pid));
    expectError(await rejection(one.run(take(2))), '40P01', CONTENTION);
    await one.run('ROLLBACK');
    await other;
  });

  it('55P03: a lock that is not to be had, at once or in time', async () => {
    await using one = await connect(database.url);
    await using two = await connect(database.url);
    await one.run('BEGIN', 'SELECT * FROM account WHERE id = 1 FOR UPDATE');
    const nowait = await rejection(two.run('SELECT * FROM account FOR UPDATE NOWAIT'));
    expectError(nowait, '55P03', CONTENTION);
    await two.run("SET lock_timeout = '20ms'");
    const late = await rejection(two.run('UPDATE account SET balance = 0'));
    expectError(late, '55P03', CONTENTION);
  });

  it('XX000: the catalog row changed under us', async () => {
    const define = 'CREATE OR REPLACE FUNCTION one() RETURNS int LANGUAGE sql AS ';
    await using one = await connect(database.url);
    await using two = await connect(database.url);
    await observer.run(`${define} 'SELECT 1'`);
    await one.run('BEGIN', `${define} 'SELECT 2 - 1'`);
    const failed = rejection(two.run(`${define} 'SELECT 3 - 2'`));
    await until(() => isBlocked(observer, two.pid));
    await one.run('COMMIT');
    expectError(await failed, 'XX000', CONTENTION, 'XX000:tuple concurrently updated');
  });
});

describe('time is up', () => {
  it('57014: statement_timeout is a timeout of the database', async () => {
    await using session = await connect(database.url, { statement_timeout: 20 });
    const error = await rejection(session.run('SELECT pg_sleep(30)'));
    expectError(error, '57014', ['timeout', 'no', true]);
  });

  it.each<readonly [string, string, Meaning[1], Meaning[2], Meaning[3]]>([
    ['25P03', 'idle_in_transaction_session_timeout', 'timeout', 'yes', false],
    ['25P04', 'transaction_timeout', 'timeout', 'no', false],
  ])('%s: %s ends the session', async (code, setting, ...meaning) => {
    await using session = await connect(database.url);
    const ended = new Promise((resolve) => session.client.once('error', resolve));
    await session.run(`SET ${setting} = '20ms'`, 'BEGIN');
    expectError(await ended, code, meaning);
  });

  it('57P05: idle_session_timeout closes a connection that nobody used', async () => {
    await using session = await connect(database.url);
    const ended = new Promise((resolve) => session.client.once('error', resolve));
    await session.run("SET idle_session_timeout = '20ms'");
    expectError(await ended, '57P05', ['network', 'yes', false]);
  });

  it('the client’s own query_timeout: nobody knows whether the statement took effect', async () => {
    await using session = await connect(database.url, { query_timeout: 20 });
    const error = await rejection(session.client.query('SELECT pg_sleep(0.2)'));
    expect(meaningOf(classifyPg, error)).toEqual([
      'msg:Query read timeout',
      ...['timeout', 'if-idempotent', true],
    ]);
  });
});

describe('somebody intervenes', () => {
  it('57014: pg_cancel_backend is a cancellation, and no evidence against the database', async () => {
    await using session = await connect(database.url);
    const { error } = await start(session, 'SELECT pg_sleep(30)');
    await observer.client.query('SELECT pg_cancel_backend($1)', [session.pid]);
    expectError(await error, '57014', ['cancelled', 'no', false], '57014:due to user request');
  });

  it('57P01: pg_terminate_backend leaves it open whether the statement took effect', async () => {
    await using session = await connect(database.url);
    const { error } = await start(session, 'SELECT pg_sleep(30)');
    await observer.client.query('SELECT pg_terminate_backend($1)', [session.pid]);
    await session.ended;
    expectError(await error, '57P01', ['unavailable', 'if-idempotent', true]);
    const next = await rejection(session.run('SELECT 1'));
    expect(meaningOf(classifyPg, next)).toEqual([
      'msg:Client has encountered a connection error and is not queryable',
      ...['network', 'yes', true],
    ]);
  });
});

describe('our own clients', () => {
  it('a full pool is overload: the query was never sent', async () => {
    const pool = new pg.Pool({
      connectionString: database.url,
      max: 1,
      connectionTimeoutMillis: 1_000,
    });
    const taken = await pool.connect();
    const error = await rejection(pool.query('SELECT 1'));
    taken.release();
    await pool.end();
    expect(meaningOf(classifyPg, error)).toEqual([
      'msg:timeout exceeded when trying to connect',
      ...['overload', 'yes', true],
    ]);
    const ended = await rejection(pool.query('SELECT 1'));
    expect(meaningOf(classifyPg, ended)).toEqual([
      'msg:Cannot use a pool after calling end on the pool',
      ...['cancelled', 'no', false],
    ]);
  });

  it('a client that we ended is ours, not the database’s', async () => {
    const session = await connect(database.url);
    const { error } = await start(session, 'SELECT pg_sleep(30)');
    await session.client.end();
    const ours = ['cancelled', 'no', false] as const;
    expect(meaningOf(classifyPg, await error)).toEqual(['msg:Connection terminated', ...ours]);
    const next = await rejection(session.run('SELECT 1'));
    expect(meaningOf(classifyPg, next)).toEqual([
      'msg:Client was closed and is not queryable',
      ...ours,
    ]);
  });
});
