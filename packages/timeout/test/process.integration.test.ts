import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';

const PACKAGE = new URL('../src/index.ts', import.meta.url).href;

/** Runs a script as a process of its own, from source. */
async function run(script: string, ...flags: string[]): Promise<{ code: number; output: string }> {
  const child = spawn(
    process.execPath,
    ['--conditions=@fournines/source', ...flags, '--input-type=module', '--eval', script],
    { stdio: ['ignore', 'pipe', 'inherit'], timeout: 15_000 },
  );
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  return { code: code as number, output: output.trim() };
}

test('a pending call keeps the process alive: a lone await settles', async () => {
  const { code, output } = await run(`
    import { timeout } from '${PACKAGE}';
    try { await timeout(50).execute(() => new Promise(() => {})); }
    catch (error) { console.log(error.code); }`);
  expect({ code, output }).toEqual({ code: 0, output: 'ETIMEDOUT' });
});

test('so does one that waits for its grace', async () => {
  const { code, output } = await run(`
    import { timeout } from '${PACKAGE}';
    try { await timeout({ duration: 20, grace: 50 }).execute(() => new Promise(() => {})); }
    catch (error) { console.log(error.code); }`);
  expect({ code, output }).toEqual({ code: 0, output: 'ETIMEDOUT' });
});

test('the process ends when all calls have settled, however long their timeouts', async () => {
  const { code, output } = await run(`
    import { asyncLocalDeadlines, timeout, timeouts } from '${PACKAGE}';
    const policy = timeout(600_000);
    console.log(await policy.execute(async () => 'ok'));
    await policy.execute(async () => { throw new Error('own'); }).catch(() => {});
    const caller = new AbortController();
    const call = policy.execute(() => new Promise(() => {}), caller.signal).catch(() => {});
    caller.abort();
    await call;
    await timeouts().for('BULK_OPERATION').execute(async () => {});
    const deadlines = asyncLocalDeadlines();
    await deadlines.run(600_000, () => deadlines.execute(async () => {}));
    const grace = timeout({ duration: 10, grace: 600_000 });
    await grace.execute(({ signal }) => new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => reject(new Error('own')));
    })).catch((error) => console.log(error.message));
    const start = performance.now();
    process.on('exit', () => console.log(performance.now() - start < 5_000 ? 'ended' : 'held'));`);
  expect({ code, output }).toEqual({ code: 0, output: 'ok\nown\nended' });
}, 20_000);

test('unref lets the process end while a call is pending', async () => {
  const { code, output } = await run(`
    import { timeout } from '${PACKAGE}';
    const policy = timeout({ duration: 600_000, unref: true });
    void policy.execute(() => new Promise(() => {})).then(() => console.log('never'));
    setTimeout(() => console.log('ended'), 20);`);
  expect({ code, output }).toEqual({ code: 0, output: 'ended' });
});

test('… and while it waits for its grace', async () => {
  const { code, output } = await run(`
    import { timeout } from '${PACKAGE}';
    const policy = timeout({ duration: 10, grace: 600_000, unref: true });
    void policy.execute(() => new Promise(() => {})).then(() => console.log('never'));
    policy.onTimeout(() => console.log('in its grace'));
    const timer = setInterval(() => policy.snapshot().counts.timeouts && clearInterval(timer), 5);`);
  expect({ code, output }).toEqual({ code: 0, output: 'in its grace' });
});

test('10 000 calls on one signal leave the heap flat and no listener behind', async () => {
  const { code, output } = await run(
    `
    import { getEventListeners } from 'node:events';
    import { timeout } from '${PACKAGE}';
    process.on('warning', (warning) => console.log(warning.name));
    const policy = timeout(60_000);
    const { signal } = new AbortController();
    const round = async () => {
      for (let i = 0; i < 10_000; i += 1) {
        await policy.execute(({ signal: inner }) => {
          inner.addEventListener('abort', () => {});
          return i % 2 === 0 ? i : Promise.reject(i);
        }, signal).catch(() => {});
      }
      gc();
      return process.memoryUsage().heapUsed;
    };
    const settledHeap = Math.max(await round(), await round());
    const grown = await round() - settledHeap;
    console.log(grown < 500_000 ? 'flat' : 'grew by ' + grown, getEventListeners(signal, 'abort').length);`,
    '--expose-gc',
  );
  expect({ code, output }).toEqual({ code: 0, output: 'flat 0' });
}, 30_000);
