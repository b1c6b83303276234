import { execFile } from 'node:child_process';
import { readFile, readdir, readlink, realpath } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Whether a process with this id exists, whoever owns it. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** The arguments of a running process, joined by spaces; empty when it cannot be read. */
export async function commandLine(pid: number): Promise<string> {
  try {
    if (process.platform === 'linux') {
      return (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ');
    }
    return (await run('ps', ['-p', String(pid), '-o', 'command='])).stdout;
  } catch {
    return '';
  }
}

/** Waits until a process is gone. `false`: it is still there after `ms`. */
export async function hasEnded(pid: number, ms: number): Promise<boolean> {
  for (const end = performance.now() + ms; isRunning(pid); await sleep(20)) {
    if (performance.now() > end) return false;
  }
  return true;
}

/** The processes that work in a folder, as all of a PostgreSQL do in its data folder. Known on Linux only; elsewhere none. */
async function processesIn(folder: string): Promise<readonly number[]> {
  if (process.platform !== 'linux') return [];
  const home = await realpath(folder).catch(() => folder);
  const ids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    ids.map(async (id) =>
      (await readlink(`/proc/${id}/cwd`).catch(() => '')) === home ? [id] : [],
    ),
  );
  return found.flat().map(Number);
}

/** Lets the processes that work in a folder go on: one that is frozen hears no signal to stop. */
export async function wakeProcessesIn(folder: string): Promise<void> {
  for (const pid of await processesIn(folder)) signalQuietly(pid, 'SIGCONT');
}

/** Ends the processes that work in a folder, at once. */
export async function endProcessesIn(folder: string): Promise<void> {
  for (const pid of await processesIn(folder)) {
    signalQuietly(pid, 'SIGKILL');
    await hasEnded(pid, 2_000);
  }
}

function signalQuietly(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended in the meantime.
  }
}
