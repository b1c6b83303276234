import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { StartError } from '../start-error.ts';

/** A sample server that runs as a process of its own. */
export interface SampleServer {
  readonly url: string;
  readonly pid: number;
  /** Ends it; resolves when the process is gone. */
  stop(): Promise<void>;
}

/** Starts `x-api-server.ts` or `llm-server.ts`. */
export async function startSampleServer(name: 'x-api' | 'llm'): Promise<SampleServer> {
  const child = fork(join(import.meta.dirname, `${name}-server.ts`), {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const url = await new Promise<string>((resolve, reject) => {
    child.once('message', (message) => resolve((message as { url: string }).url));
    child.once('error', reject);
    child.once('exit', (code) => {
      reject(new StartError(`The sample ${name} server ended with code ${code} at its start`));
    });
  });
  return { url, pid: child.pid ?? 0, stop: () => end(child) };
}

function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
    child.kill('SIGKILL');
  });
}
