import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';

let guardian: ChildProcess | undefined;

/** Has this process and its data folder removed when we end, even by SIGKILL. */
export function guard(folder: string, pid: number): void {
  tell({ folder, pid });
}

/** It ended by itself and its folder is gone. */
export function release(folder: string): void {
  tell({ folder, isGone: true });
}

function tell(message: object): void {
  guardian ??= startGuardian();
  guardian.stdin?.write(`${JSON.stringify(message)}\n`);
}

function startGuardian(): ChildProcess {
  const script = fileURLToPath(new URL('guardian.mjs', import.meta.url));
  // A session of its own: a signal to our group must not end it before it has done its work.
  const child = spawn(process.execPath, [script], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    env: { PATH: process.env['PATH'] },
  });
  child.unref();
  // A child's pipe is a socket, which may be unreferenced; the types know it as a stream only.
  (child.stdin as Socket).unref();
  return child;
}
