import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startRedis } from '@fournines/test-services';
import { expect, test } from 'vitest';

const run = promisify(execFile);

/** Runs a module in a process of its own; rejects when that has not ended by itself in time. */
async function output(source: string): Promise<string> {
  const { stdout } = await run(
    process.execPath,
    ['--conditions=@fournines/source', '--input-type=module', '-e', source],
    { timeout: 20_000, cwd: fileURLToPath(new URL('..', import.meta.url)) },
  );
  return stdout;
}

test("a fleet that nobody closed does not keep the process alive once its owner's client is gone", async () => {
  await using server = await startRedis();
  const stdout = await output(`
    import { circuitBreaker, fleet } from '@fournines/breaker';
    import { Redis } from 'ioredis';
    const redis = new Redis('${server.url}');
    const shared = fleet(redis);
    const policy = circuitBreaker({ name: 'x', failureThreshold: 1, fleet: shared });
    while (!shared.isConnected) await new Promise((resolve) => setTimeout(resolve, 5));
    await policy.execute(() => Promise.reject(new Error('down'))).catch(() => {});
    await redis.quit();
    process.stdout.write(policy.state);
  `);
  expect(stdout).toBe('open');
});

test("the README's example of a fleet ends", async () => {
  await using server = await startRedis();
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8');
  const example = [...readme.matchAll(/```ts\n(.*?)```/gs)].find(([, text]) =>
    text?.includes('fleet('),
  )?.[1];
  expect(example).toContain('new Redis()');
  const stdout = await output(example?.replace('new Redis()', `new Redis('${server.url}')`) ?? '');
  expect(stdout).toBe('closed\n');
});
