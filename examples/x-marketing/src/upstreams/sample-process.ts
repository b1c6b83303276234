import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { restartDelay } from '../backoff.ts';
import { StartError } from '../start-error.ts';

/** A sample server that runs as a child process. */
export interface SampleProcess {
  readonly url: string;
  /** Ends the process; resolves when it is gone. */
  stop(): Promise<void>;
  /** Ends the process at once. */
  kill(): void;
}

/** Starts a sample server and keeps it running, always at the same address. */
export async function startSample(
  file: 'x-api-server.ts' | 'llm-server.ts',
  env: Readonly<Record<string, string>>,
  report: (line: string) => void,
): Promise<SampleProcess> {
  const stopping = new AbortController();
  let child: ChildProcess | undefined;
  const port = await launch(0);

  async function launch(wanted: number): Promise<number> {
    const started = fork(join(import.meta.dirname, file), {
      env: { PATH: process.env['PATH'], ...env, PORT: String(wanted) },
      // A group of its own: Ctrl-C at the terminal must not take it away from requests in flight.
      detached: true,
      execArgv: [],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    child = started;
    const taken = await firstWord(started, file);
    started.once('exit', (code, signal) => {
      if (!stopping.signal.aborted) void startAgain(taken, String(signal ?? code));
    });
    return taken;
  }

  async function startAgain(wanted: number, cause: string): Promise<void> {
    report(`${file} ended (${cause}); starting it again`);
    for (let attempt = 0; !stopping.signal.aborted; attempt += 1) {
      try {
        await sleep(restartDelay(attempt), undefined, { signal: stopping.signal });
        await launch(wanted);
        return;
      } catch (error) {
        if (!stopping.signal.aborted)
          report(error instanceof Error ? error.message : String(error));
      }
    }
  }

  const kill = (): void => {
    stopping.abort();
    child?.kill('SIGKILL');
  };
  process.once('exit', kill);

  return {
    url: `http://127.0.0.1:${port}`,
    kill,
    async stop() {
      stopping.abort();
      process.off('exit', kill);
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
      const gone = new Promise((resolve) => child?.once('exit', resolve));
      child.kill('SIGTERM');
      await gone;
    },
  };
}

function firstWord(child: ChildProcess, file: string): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('message', (message) => resolve((message as { port: number }).port));
    child.once('error', reject);
    child.once('exit', () => reject(new StartError(`${file} could not start`)));
  });
}
