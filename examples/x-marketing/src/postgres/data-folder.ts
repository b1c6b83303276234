import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, chown, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { StartError } from '../start-error.ts';
import { type OsAccount, isReachable } from './os-account.ts';
import { commandLine, endProcessesIn, hasEnded, isRunning, wakeProcessesIn } from './os-process.ts';

const run = promisify(execFile);

/** The folder that PostgreSQL can use: `wanted`, or one in the temporary folder when its account may not enter `wanted`. */
export async function chooseFolder(
  wanted: string,
  account: OsAccount | undefined,
): Promise<string> {
  if (account === undefined || (await isReachable(wanted))) return wanted;
  const id = createHash('sha256').update(wanted).digest('hex').slice(0, 12);
  return join(tmpdir(), `fournines-x-marketing-${id}`, basename(wanted));
}

/**
 * Takes the folder for this process and returns what gives it back.
 *
 * @throws StartError when it cannot be written to, or another running service has it.
 */
export async function claimFolder(folder: string): Promise<() => Promise<void>> {
  const claim = `${folder}.owner`;
  try {
    await mkdir(dirname(folder), { recursive: true });
    const owner = Number(await readFile(claim, 'utf8').catch(() => ''));
    if (owner > 0 && owner !== process.pid && (await commandLine(owner)).includes('main.ts')) {
      throw new StartError(
        `the data folder ${folder} is in use by a running service (process ${owner}): stop it, or set DATA_DIR`,
      );
    }
    await writeFile(claim, String(process.pid));
  } catch (error) {
    if (error instanceof StartError) throw error;
    throw notWritable(folder, error);
  }
  return () => rm(claim, { force: true });
}

/** Makes a new database cluster, unless there is one. Returns whether it made one. */
export async function createCluster(
  folder: string,
  initdb: string,
  account: OsAccount | undefined,
  password: string,
  signal: AbortSignal,
): Promise<boolean> {
  if (await exists(join(folder, 'PG_VERSION'))) return false;
  // Made beside its place and moved there when complete: an interrupted start leaves nothing half-made.
  const unfinished = `${folder}.unfinished`;
  const passwordFile = `${folder}.password`;
  try {
    await rm(unfinished, { recursive: true, force: true });
    await mkdir(unfinished, { mode: 0o700 });
    await writeFile(passwordFile, password, { mode: 0o600 });
    if (account !== undefined) {
      await chown(unfinished, account.uid, account.gid);
      await chown(passwordFile, account.uid, account.gid);
    }
    const options = ['--username=postgres', '--auth=scram-sha-256', `--pwfile=${passwordFile}`];
    await run(initdb, [`--pgdata=${unfinished}`, ...options, '--encoding=UTF8', '--locale=C'], {
      ...account,
      cwd: '/',
      signal,
      env: { PATH: process.env['PATH'], LC_ALL: 'C' },
    });
    await rm(folder, { recursive: true, force: true });
    await rename(unfinished, folder);
    return true;
  } catch (error) {
    signal.throwIfAborted();
    throw failedToCreate(folder, error);
  } finally {
    await rm(unfinished, { recursive: true, force: true });
    await rm(passwordFile, { force: true });
  }
}

/** The account that owns the cluster: an existing one goes on under the account that made it. */
export async function clusterAccount(folder: string): Promise<OsAccount | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const { uid, gid } = await stat(folder);
  return { uid, gid };
}

/** Ends what a killed service left of its PostgreSQL, and removes a lock file that names nobody. */
export async function removeLeftovers(folder: string): Promise<void> {
  await wakeProcessesIn(folder);
  await stopServerOf(folder);
  await endProcessesIn(folder);
}

async function stopServerOf(folder: string): Promise<void> {
  const lock = join(folder, 'postmaster.pid');
  const pid = Number.parseInt(await readFile(lock, 'utf8').catch(() => ''), 10);
  if (!(pid > 0)) return;
  if (isRunning(pid) && (await commandLine(pid)).includes(folder)) {
    process.kill(pid, 'SIGINT');
    if (await hasEnded(pid, 5_000)) return;
    process.kill(pid, 'SIGQUIT');
    await hasEnded(pid, 5_000);
    return;
  }
  // The id may by now belong to some other program, which PostgreSQL would take for itself.
  await rm(lock, { force: true });
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

function notWritable(folder: string, error: unknown): StartError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
  return new StartError(
    `cannot write to the data folder ${folder} (${code}): make it writable, or set DATA_DIR or DATABASE_URL`,
    { cause: error },
  );
}

function failedToCreate(folder: string, error: unknown): StartError {
  const stderr = error instanceof Error && 'stderr' in error ? String(error.stderr) : '';
  if (stderr === '') return notWritable(folder, error);
  const line = stderr.split('\n').find((text) => /error|fatal/i.test(text)) ?? stderr;
  return new StartError(`PostgreSQL could not make its data folder ${folder}: ${line.trim()}`, {
    cause: error,
  });
}
