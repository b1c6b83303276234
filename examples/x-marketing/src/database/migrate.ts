import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClientBase } from 'pg';

const FOLDER = join(import.meta.dirname, '../../migrations');
/** Any number, the same in every instance: instances that start together migrate one after another. */
const LOCK = 999_401;

/** Brings the schema up to date, each file once and in one transaction. Returns the files it ran. */
export async function migrate(client: ClientBase): Promise<readonly string[]> {
  await client.query('select pg_advisory_lock($1)', [LOCK]);
  try {
    await client.query(
      'create table if not exists migrations (name text primary key, ran_at timestamptz not null default now())',
    );
    const { rows } = await client.query<{ name: string }>('select name from migrations');
    const done = new Set(rows.map((row) => row.name));
    const pending = (await readdir(FOLDER)).filter(
      (name) => name.endsWith('.sql') && !done.has(name),
    );
    pending.sort();
    for (const name of pending) await run(client, name);
    return pending;
  } finally {
    await client.query('select pg_advisory_unlock($1)', [LOCK]);
  }
}

async function run(client: ClientBase, name: string): Promise<void> {
  const sql = await readFile(join(FOLDER, name), 'utf8');
  await client.query('begin');
  try {
    await client.query(sql);
    await client.query('insert into migrations (name) values ($1)', [name]);
    await client.query('commit');
  } catch (error) {
    await client.query('rollback');
    throw new Error(`migration ${name} failed`, { cause: error });
  }
}
