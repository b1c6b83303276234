import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { type Run, runService } from './run-service.ts';

async function childrenOf(pid: number): Promise<number[]> {
  const list = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return list.trim().split(' ').map(Number);
}

/** Whether a process still does something: one that nobody has buried yet does not. */
async function isAlive(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return /\) [^ZX] /.test(stat);
}

async function alive(pids: readonly number[]): Promise<readonly number[]> {
  const states = await Promise.all(pids.map(isAlive));
  return pids.filter((_, index) => states[index]);
}

async function stop(run: Run): Promise<number | null> {
  run.child.kill('SIGINT');
  return (await run.ended).code;
}

it('leaves nothing of a PostgreSQL that is frozen, and starts on its data again', async () => {
  const first = await runService();
  try {
    await first.printed(/ready on (\S+)/);
    const postmaster = await first.postgresPid();
    const all = [postmaster, ...(await childrenOf(postmaster))];
    expect(all.length).toBeGreaterThan(3);
    for (const pid of all) process.kill(pid, 'SIGSTOP');
    expect(await stop(first)).toBe(0);
    expect(await alive(all)).toEqual([]);
    const second = await runService({ DATA_DIR: first.dataDir });
    await second.printed(/ready on (\S+)/);
    expect(await stop(second)).toBe(0);
    await second.cleanUp();
  } finally {
    await first.cleanUp();
  }
}, 60_000);

it('takes over what a killed service left, frozen or not', async () => {
  const killed = await runService();
  try {
    await killed.printed(/ready on (\S+)/);
    const postmaster = await killed.postgresPid();
    const children = await childrenOf(postmaster);
    killed.child.kill('SIGKILL');
    await killed.ended;
    for (const pid of children) process.kill(pid, 'SIGSTOP');
    process.kill(postmaster, 'SIGKILL');
    const next = await runService({ DATA_DIR: join(killed.dataDir) });
    await next.printed(/ready on (\S+)/);
    expect(await alive(children)).toEqual([]);
    expect(await stop(next)).toBe(0);
    await next.cleanUp();
  } finally {
    await killed.cleanUp();
  }
}, 60_000);

it('is not held up by a client that stops in the middle of its request', async () => {
  const run = await runService();
  try {
    const { port } = new URL(await run.printed(/ready on (\S+)/));
    const socket = connect(Number(port), '127.0.0.1');
    const answer = text(socket);
    socket.write('POST /api/campaigns HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n');
    socket.write('content-length: 100\r\n\r\n{"name"');
    // A second request shows that the first has arrived.
    await fetch(`http://127.0.0.1:${port}/health/live`);
    expect(await stop(run)).toBe(0);
    expect(await answer).toMatch(/^(HTTP\/1.1 408 |$)/);
  } finally {
    await run.cleanUp();
  }
}, 60_000);
