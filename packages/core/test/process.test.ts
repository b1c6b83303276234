import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const run = promisify(execFile);

/** Runs a program in a process of its own; answers with what it printed. */
async function program(code: string): Promise<string> {
  const core = new URL('../src/index.ts', import.meta.url).href;
  const authoring = new URL('../src/authoring.ts', import.meta.url).href;
  const source = `import * as core from '${core}'; import * as authoring from '${authoring}'; ${code}`;
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', source], {
    timeout: 10_000,
  });
  return stdout.trim();
}

test('a pending read with a time limit keeps the process alive until it settles', async () => {
  const printed = await program(`
    const hang = { [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }) };
    try { for await (const _ of core.stream(core.definePolicy({ kind: 'k' }), () => hang, { idle: 50 })); }
    catch (error) { console.log(error.code); }`);
  expect(printed).toBe('ETIMEDOUT');
});

test('a queue of deadlines keeps it alive while a call waits, and not afterwards', async () => {
  const printed = await program(`
    const queue = new authoring.DeadlineQueue(core.systemClock);
    const gone = { expiresAt: core.systemClock.now() + 60_000, expire() {} };
    queue.add(gone); queue.remove(gone);
    await new Promise((resolve) => queue.add({ expiresAt: core.systemClock.now() + 30, expire: resolve }));
    console.log('waited');`);
  expect(printed).toBe('waited');
});

test('nothing else does: clocks, deadlines, listeners, settled calls', async () => {
  const printed = await program(`
    const started = performance.now();
    const caller = new AbortController();
    core.deadline(60_000, caller.signal);
    authoring.coarseNow(core.systemClock);
    const policy = core.compose(core.fallback(() => true, 1), core.definePolicy({ kind: 'k' }));
    policy.onFailure(() => {});
    await policy.execute(async (context) => { context.signal; throw new Error('x'); }, caller.signal);
    process.on('exit', () => console.log(performance.now() - started < 5_000 ? 'ended' : 'held'));`);
  expect(printed).toBe('ended');
});
