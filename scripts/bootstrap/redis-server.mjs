import { existsSync } from 'node:fs';
import { collect } from './children.mjs';
import { ClearFailure } from './fail.mjs';
import { expectSuccess, step } from './step.mjs';

/** The tests speak to a real Redis; no npm package ships the server. */
export async function requireRedisServer() {
  if (await isPresent()) return;
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) {
    throw new ClearFailure(
      'The tests need redis-server on PATH: install it (Debian: apt-get install redis-server, macOS: brew install redis).',
    );
  }
  await step('redis', async () => {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    expectSuccess('apt-get update', await collect('apt-get', ['update'], { env }));
    expectSuccess(
      'apt-get install redis-server',
      await collect('apt-get', ['install', '-y', '--no-install-recommends', 'redis-server'], {
        env,
      }),
    );
    return 'redis-server installed with apt-get';
  });
}

async function isPresent() {
  try {
    return (await collect('redis-server', ['--version'], {})).code === 0;
  } catch (error) {
    if (error.code === 'ENOENT') return false;
    throw error;
  }
}
