import { type TestDatabase, testDatabase } from '@fournines/test-services';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { classify } from '../src/index.ts';
import { classifyPg } from '../src/pg.ts';
import { type Meaning, meaningOf, rejection } from './meaning.ts';
import { type Session, connect } from './pg-session.ts';

let database: TestDatabase;
let session: Session;

beforeAll(async () => {
  database = await testDatabase();
  session = await connect(database.url);
  await session.run(`
    CREATE TABLE owner (id int PRIMARY KEY);
    CREATE TABLE pet (
      id int PRIMARY KEY, owner int REFERENCES owner, name varchar(3) NOT NULL DEFAULT 'Rex',
      age int CHECK (age >= 0)
    );
    INSERT INTO owner VALUES (1), (2);
    INSERT INTO pet VALUES (1, 1), (2, 1);
    CREATE TABLE booking (during int4range, EXCLUDE USING gist (during WITH &&));
    INSERT INTO booking VALUES ('[1,5)');
    CREATE VIEW puppy AS SELECT * FROM pet WHERE age < 1 WITH CHECK OPTION;
    CREATE SEQUENCE short MAXVALUE 2;
    CREATE SEQUENCE fresh;
    SELECT nextval('short'), nextval('short');
    CREATE FUNCTION deep() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN deep(); END';
  `);
});
afterAll(async () => {
  await session[Symbol.asyncDispose]();
  await database.drop();
});
beforeEach(async () => {
  await session.run('ROLLBACK', 'DISCARD ALL');
});

const VALIDATION = ['validation', 'no', false] as const;
const CONFLICT = ['conflict', 'no', false] as const;
const BUG = ['bug', 'no', false] as const;
const LIMIT = ['limit-exceeded', 'no', false] as const;
const MANY = (what: string, count: number): string =>
  Array.from({ length: count }, () => what).join();
const COLUMNS = Array.from({ length: 1_601 }, (_, n) => `c${n} int`).join();

type Case = readonly [
  sqlState: string,
  meaning: readonly [Meaning[1], Meaning[2], Meaning[3]],
  statements: readonly string[],
  /** The row, where it is not the SQLSTATE's own. */
  row?: string,
];

/** What each SQLSTATE is, says appendix A of PostgreSQL's manual; what it means for a caller, this table. */
const CASES: readonly Case[] = [
  ['21000', BUG, ['SELECT (SELECT id FROM owner)']],
  ['22001', VALIDATION, ["INSERT INTO pet (id, name) VALUES (9, 'Methuselah')"]],
  ['22003', VALIDATION, ['SELECT 99999999999::int']],
  ['22004', VALIDATION, ['SELECT format(NULL::text, 1), array_fill(1, NULL)']],
  ['22007', VALIDATION, ["SELECT 'the day after'::date"]],
  ['22008', VALIDATION, ["SELECT '2026-02-30'::date"]],
  ['22012', BUG, ['SELECT 1 / 0']],
  ['22023', VALIDATION, ['SELECT generate_series(1, 2, 0)']],
  ['22025', VALIDATION, [String.raw`SELECT 'a' LIKE '\'`], '22000'],
  ['22P02', VALIDATION, ["SELECT 'seven'::int"]],
  ['22P02', VALIDATION, ["SELECT '{'::jsonb"]],
  ['2200H', ['resource-exhausted', 'no', false], ["SELECT nextval('short')"]],
  ['2201B', VALIDATION, ["SELECT 'a' ~ '('"]],
  ['23502', VALIDATION, ['INSERT INTO pet (id, name) VALUES (9, NULL)']],
  ['23503', CONFLICT, ['INSERT INTO pet (id, owner) VALUES (9, 99)']],
  ['23503', CONFLICT, ['DELETE FROM owner WHERE id = 1']],
  ['23505', CONFLICT, ['INSERT INTO owner VALUES (1)']],
  ['23514', VALIDATION, ['INSERT INTO pet (id, age) VALUES (9, -1)']],
  ['23P01', CONFLICT, ["INSERT INTO booking VALUES ('[2,3)')"]],
  ['20000', BUG, ['DO $$ BEGIN CASE 1 WHEN 2 THEN NULL; END CASE; END $$']],
  [
    '24000',
    BUG,
    ['BEGIN', 'DECLARE c CURSOR FOR SELECT id FROM pet', 'DELETE FROM pet WHERE CURRENT OF c'],
  ],
  ['25001', BUG, ['BEGIN', 'VACUUM']],
  ['25006', ['failover', 'yes', true], ['BEGIN READ ONLY', 'INSERT INTO owner VALUES (9)']],
  ['25P01', BUG, ['SAVEPOINT here']],
  ['26000', ['internal', 'yes', false], ['EXECUTE nothing']],
  ['2BP01', CONFLICT, ['DROP TABLE owner']],
  ['2D000', BUG, ['BEGIN', 'DO $$ BEGIN COMMIT; END $$']],
  ['34000', BUG, ['BEGIN', 'FETCH 1 FROM nothing']],
  ['3B001', BUG, ['BEGIN', 'ROLLBACK TO nowhere']],
  ['3F000', ['configuration', 'no', false], ['CREATE TABLE nowhere.t (id int)']],
  ['42501', ['authorization', 'no', false], ['SET ROLE pg_monitor', 'SELECT * FROM pet']],
  ['42601', BUG, ['SELEKT 1']],
  ['42703', BUG, ['SELECT colour FROM pet']],
  ['42710', BUG, ["CREATE TYPE pet AS ENUM ('a')"], '42601'],
  ['42803', BUG, ['SELECT name, count(*) FROM pet'], '42601'],
  ['42804', BUG, ["SELECT CASE WHEN true THEN 1 ELSE '2026-01-01'::date END"]],
  ['42846', BUG, ['SELECT now()::int'], '42601'],
  ['42883', BUG, ['SELECT no_such_function()']],
  ['42P01', BUG, ['SELECT * FROM unicorn']],
  ['42P05', BUG, ['PREPARE p AS SELECT 1', 'PREPARE p AS SELECT 1']],
  ['42P07', BUG, ['CREATE TABLE pet (id int)'], '42601'],
  ['42P10', BUG, ['INSERT INTO pet (id) VALUES (1) ON CONFLICT (age) DO NOTHING'], '42601'],
  ['42P18', BUG, ['PREPARE p AS SELECT $1 IS NULL']],
  ['44000', ['authorization', 'no', false], ['INSERT INTO puppy (id, age) VALUES (9, 12)']],
  [
    '53400',
    LIMIT,
    [
      "SET temp_file_limit = '64kB'",
      "SET work_mem = '64kB'",
      'SELECT * FROM generate_series(1, 50000) AS n ORDER BY -n OFFSET 49999',
    ],
  ],
  ['54001', LIMIT, ["SET max_stack_depth = '100kB'", 'SELECT deep()']],
  ['54011', LIMIT, [`CREATE TABLE wide (${COLUMNS})`]],
  ['54023', LIMIT, [`SELECT no_such_function(${MANY('1', 101)})`]],
  ['55000', BUG, ["SELECT currval('fresh')"]],
  ['57014', ['timeout', 'no', true], ['SET statement_timeout = 20', 'SELECT pg_sleep(30)']],
  ['P0001', VALIDATION, ["DO $$ BEGIN RAISE 'no'; END $$"]],
  [
    'P0002',
    ['not-found', 'no', false],
    ['DO $$ DECLARE n int; BEGIN SELECT id INTO STRICT n FROM owner WHERE id = 99; END $$'],
  ],
  ['P0003', BUG, ['DO $$ DECLARE n int; BEGIN SELECT id INTO STRICT n FROM owner; END $$']],
  ['P0004', BUG, ['DO $$ BEGIN ASSERT false; END $$']],
];

const cases = CASES.map(([sqlState, meaning, statements, row = sqlState]) => {
  const name = `${sqlState} is ${meaning[0]}: ${statements.join('; ').slice(0, 60)}`;
  return { name, sqlState, meaning, statements, row };
});

it.each(cases)('$name', async ({ sqlState, meaning, statements, row }) => {
  const error = await rejection(session.run(...statements));
  expect(error).toMatchObject({ code: sqlState, severity: 'ERROR' });
  expect(meaningOf(classifyPg, error)).toEqual([row, ...meaning]);
  expect(classify(error)).toEqual(classifyPg(error));
});

it('25P02 is a bug: the transaction went on after an error', async () => {
  await session.run('BEGIN');
  await rejection(session.run('SELECT 1 / 0'));
  const error = await rejection(session.run('SELECT 1'));
  expect(error).toMatchObject({ code: '25P02' });
  expect(meaningOf(classify, error)).toEqual(['25P02', ...BUG]);
});

it('22021 is the caller’s: a text with a NUL', async () => {
  const error = await rejection(session.client.query('SELECT $1::text', ['a\u0000b']));
  expect(error).toMatchObject({ code: '22021' });
  expect(meaningOf(classify, error)).toEqual(['22021', ...VALIDATION]);
});

it('0A000 is worth a second try when a prepared plan went stale, else a bug', async () => {
  await session.run('CREATE TABLE growing (id int)');
  const query = { name: 'all', text: 'SELECT * FROM growing' };
  await session.client.query(query);
  await session.run('ALTER TABLE growing ADD COLUMN size int');
  const stale = await rejection(session.client.query(query));
  expect(stale).toMatchObject({ code: '0A000' });
  expect(meaningOf(classify, stale)).toEqual([
    '0A000:cached plan must not change result type',
    'contention',
    'yes',
    false,
  ]);
  const unsupported = await rejection(session.run(`SELECT * FROM no_such_database.public.pet`));
  expect(unsupported).toMatchObject({ code: '0A000' });
  expect(meaningOf(classify, unsupported)).toEqual(['0A000', ...BUG]);
});

it('55006 is contention: somebody else uses the object', async () => {
  const name = new URL(database.url).pathname.slice(1);
  const error = await rejection(session.run(`DROP DATABASE ${name}`));
  expect(error).toMatchObject({ code: '55006' });
  expect(meaningOf(classify, error)).toEqual(['55006', 'contention', 'yes', false]);
});
