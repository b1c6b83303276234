import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { TimeoutError } from '@fournines/core';
import { expect, test } from 'vitest';
import { circuitBreaker } from '../src/index.ts';

const run = promisify(execFile);
const sick = (): Error => Object.assign(new Error('down'), { code: 'ECONNREFUSED' });
const block = (ms: number): void => {
  const end = performance.now() + ms;
  while (performance.now() < end);
};

test('a busy await loop finds the circuit half-open: nothing waits for a timer (63)', async () => {
  const policy = circuitBreaker({ failureThreshold: 1, resetTimeout: 5 });
  await policy.execute(() => Promise.reject(sick())).catch(() => {});
  const end = performance.now() + 2_000;
  let answer: unknown;
  // Only microtasks: no timer of the process fires in here.
  while (answer !== 'ok' && performance.now() < end) {
    answer = await policy.execute(() => 'ok').catch(() => {});
  }
  expect(answer).toBe('ok');
});

test('no handle keeps the process alive, whatever happened to the breaker (64)', async () => {
  const source = new URL('../src/index.ts', import.meta.url).href;
  const script = `
    import { circuitBreaker } from '${source}';
    const policy = circuitBreaker({ failureThreshold: 1, slowCallDuration: 10 });
    const gone = policy.execute(() => new Promise(() => {}));
    await policy.execute(() => Promise.reject(new Error('down'))).catch(() => {});
    await policy.execute(() => 1).catch(() => {});
    policy.tryAcquire();
    process.stdout.write(policy.state);
  `;
  const { stdout } = await run(
    process.execPath,
    ['--conditions=@fournines/source', '--input-type=module', '-e', script],
    { timeout: 20_000 },
  );
  expect(stdout).toBe('open');
});

test('a stall of this process is not the dependency’s: neither timeout nor slow call counts', async () => {
  const policy = circuitBreaker({
    failureThreshold: 1,
    slowCallDuration: 150,
    slowCallRateThreshold: 0.1,
  });
  const trusting = circuitBreaker({ failureThreshold: 1, stalls: false });
  const timedOut = (): Promise<never> =>
    new Promise((_resolve, reject) =>
      setTimeout(() => reject(new TimeoutError('attempt', 100)), 100),
    );
  const answered = (): Promise<string> => new Promise((resolve) => setTimeout(resolve, 10, 'ok'));
  const calls = [
    policy.execute(timedOut).catch(() => {}),
    policy.execute(answered),
    trusting.execute(timedOut).catch(() => {}),
  ];
  block(400);
  await Promise.all(calls);
  expect(policy.snapshot()).toMatchObject({
    state: 'closed',
    counts: { ignored: 1, success: 1, slow: 0, failure: {} },
  });
  expect(trusting.state).toBe('open');
});

test('a timeout without a stall counts', async () => {
  const policy = circuitBreaker({ failureThreshold: 1 });
  await policy.execute(() => Promise.reject(new TimeoutError('attempt', 100))).catch(() => {});
  expect(policy.state).toBe('open');
});
