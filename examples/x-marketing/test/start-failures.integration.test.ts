import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runService } from './run-service.ts';

async function failure(env: Readonly<Record<string, string>>): Promise<string> {
  const run = await runService(env);
  // One that starts after all is ended, and fails the test by its exit code.
  const giveUp = setTimeout(() => run.child.kill('SIGTERM'), 15_000);
  try {
    const { code, stderr } = await run.ended;
    expect(code).toBe(1);
    const lines = stderr.trimEnd().split('\n');
    expect(lines).toHaveLength(1);
    return String(lines[0]);
  } finally {
    clearTimeout(giveUp);
    await run.cleanUp();
  }
}

it('says that its port is in use', { timeout: 30_000 }, async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  try {
    expect(await failure({ PORT: String(port) })).toMatch(/port \d+ on 127\.0\.0\.1 is in use/);
  } finally {
    server.close();
  }
});

it('says that its database cannot be reached', { timeout: 30_000 }, async () => {
  const line = await failure({ DATABASE_URL: 'postgres://me:secret@127.0.0.1:1/db' });
  expect(line).toMatch(/the database at 127\.0\.0\.1:1 cannot be used: .*ECONNREFUSED/);
  expect(line).not.toContain('secret');
});

it('says that its data folder cannot be written to', { timeout: 30_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'x-marketing-read-only-'));
  await chmod(folder, 0o555);
  try {
    // Root may write to any folder; what nobody can do is make a folder inside a file.
    const dataDir =
      process.getuid?.() === 0
        ? join(import.meta.filename, 'data', 'postgres')
        : join(folder, 'data', 'postgres');
    expect(await failure({ DATA_DIR: dataDir })).toMatch(/cannot write to the data folder/);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

it('says which value is unusable', { timeout: 30_000 }, async () => {
  expect(await failure({ PORT: 'abc' })).toBe(
    'x-marketing: PORT must be a whole number from 0 to 65535, got "abc"',
  );
});
