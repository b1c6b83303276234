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
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  return { code: code as number, output: output.trim() };
}

const FAIL_ONCE = `
  let calls = 0;
  const fn = async () => {
    calls += 1;
    if (calls === 1) throw Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
    return calls;
  };`;

test('a waiting retry keeps the process alive, and lets it end when all calls have settled', async () => {
  const { code, output } = await run(`
    import { exponential, retry } from '${PACKAGE}';
    ${FAIL_ONCE}
    const policy = retry({ backoff: exponential({ initial: 50, jitter: 'none' }) });
    console.log(await policy.execute(fn));`);
  expect({ code, output }).toEqual({ code: 0, output: '2' });
});

test('unref lets the process end while a retry waits', async () => {
  const { code, output } = await run(`
    import { exponential, retry } from '${PACKAGE}';
    ${FAIL_ONCE}
    const policy = retry({ unref: true, backoff: exponential({ initial: 60_000, max: 60_000, jitter: 'none' }) });
    void policy.execute(fn).then(() => console.log('never'));`);
  expect({ code, output }).toEqual({ code: 0, output: '' });
});

test('a hedged call that was answered lets the process end at once', async () => {
  const { code, output } = await run(`
    import { hedge } from '${PACKAGE}';
    const policy = hedge({ idempotent: true, delay: 60_000 });
    console.log(await policy.execute(async () => 'ok'));`);
  expect({ code, output }).toEqual({ code: 0, output: 'ok' });
});

test('attempts without end keep memory flat', async () => {
  const { code, output } = await run(
    `
    import { exponential, retry } from '${PACKAGE}';
    const policy = retry({ maxAttempts: Infinity, budget: false, backoff: exponential({ initial: 0 }) });
    let calls = 0;
    let early = 0;
    let late = 0;
    await policy.execute(async () => {
      calls += 1;
      if (calls === 20_000) { gc(); early = process.memoryUsage().heapUsed; }
      if (calls === 200_000) { gc(); late = process.memoryUsage().heapUsed; return; }
      throw Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
    });
    console.log(late - early < 1_000_000 ? 'flat' : 'grew by ' + (late - early));`,
    '--expose-gc',
  );
  expect({ code, output }).toEqual({ code: 0, output: 'flat' });
}, 30_000);

test('hedged calls without end on one signal keep memory flat', async () => {
  const { code, output } = await run(
    `
    import { getEventListeners } from 'node:events';
    import { hedge } from '${PACKAGE}';
    const policy = hedge({ idempotent: true, delay: 0, budget: false });
    const { signal } = new AbortController();
    const call = () => policy.execute(async ({ attempt, signal }) => {
      await Promise.resolve();
      if (attempt === 0) await new Promise((resolve) => signal.addEventListener('abort', resolve));
      return attempt;
    }, signal);
    const heapAfter = async (calls) => {
      for (let i = 0; i < calls; i++) await call();
      gc();
      return process.memoryUsage().heapUsed;
    };
    const early = await heapAfter(5_000);
    const late = await heapAfter(40_000);
    const listeners = getEventListeners(signal, 'abort').length;
    const { hedges, won } = policy.snapshot().counts;
    const grown = late - early;
    console.log(hedges, won, listeners, grown < 1_000_000 ? 'flat' : 'grew by ' + grown);`,
    '--expose-gc',
  );
  expect({ code, output }).toEqual({ code: 0, output: '45000 45000 0 flat' });
}, 30_000);
