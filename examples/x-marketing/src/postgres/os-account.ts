import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { StartError } from '../start-error.ts';

const run = promisify(execFile);

/** The operating system account that PostgreSQL runs as. */
export interface OsAccount {
  readonly uid: number;
  readonly gid: number;
}

/**
 * PostgreSQL refuses to run as root. Whoever starts the service as root gets an account that is
 * there anyway; none is created. `undefined`: the service's own account will do.
 */
export async function postgresAccount(): Promise<OsAccount | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  for (const name of ['postgres', 'nobody']) {
    const account = await lookUp(name);
    if (account !== undefined) return account;
  }
  throw new StartError(
    'PostgreSQL cannot run as root, and there is no account "postgres" or "nobody": start as another user, or set DATABASE_URL',
  );
}

/** Whether an account that owns none of the folders on the way may reach `path`. */
export async function isReachable(path: string): Promise<boolean> {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    const found = await stat(folder).catch(() => undefined);
    // A folder that does not exist yet will be made with the usual mode.
    if (found?.isDirectory() === true && (found.mode & 0o001) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
}

async function lookUp(name: string): Promise<OsAccount | undefined> {
  try {
    const [uid, gid] = await Promise.all([run('id', ['-u', name]), run('id', ['-g', name])]);
    return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
  } catch {
    return undefined;
  }
}
