import { type ChildProcess, spawn } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const MAIN = join(import.meta.dirname, '../src/main.ts');

/** How a run of the service ended. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The service as a process, with a data folder of its own. */
export interface Run {
  readonly child: ChildProcess;
  readonly dataDir: string;
  readonly ended: Promise<Ended>;
  /** Resolves with the first group of `pattern` once the service has printed it. */
  printed(pattern: RegExp): Promise<string>;
  postgresPid(): Promise<number>;
  /** Ends it, whatever state it is in, and removes its folder. */
  cleanUp(): Promise<void>;
}

/** Starts the service on a free port. */
export async function runService(env: Readonly<Record<string, string>> = {}): Promise<Run> {
  const folder = await mkdtemp(join(tmpdir(), 'x-marketing-test-'));
  const dataDir = env['DATA_DIR'] ?? join(folder, 'postgres');
  // The account that PostgreSQL runs as has to get through.
  await chmod(folder, 0o755);
  const child = spawn(process.execPath, ['--conditions=@fournines/source', MAIN], {
    env: { PATH: process.env['PATH'], PORT: '0', DATA_DIR: dataDir, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
  return {
    child,
    dataDir,
    ended,
    printed: (pattern) =>
      eventually(async () => {
        const found = pattern.exec(stdout)?.[1];
        if (found !== undefined) return found;
        throw new Error(`not printed: ${pattern}; stdout: ${stdout}; stderr: ${stderr}`);
      }),
    postgresPid: async () =>
      Number.parseInt(await readFile(join(dataDir, 'postmaster.pid'), 'utf8'), 10),
    async cleanUp() {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGTERM');
        const forced = setTimeout(() => child.kill('SIGKILL'), 15_000);
        await ended;
        clearTimeout(forced);
      }
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Repeats `attempt` until it does not throw. */
export async function eventually<T>(attempt: () => Promise<T>, ms = 30_000): Promise<T> {
  for (const end = performance.now() + ms; ; await sleep(25)) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() > end) throw error;
    }
  }
}
