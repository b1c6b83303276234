import './bootstrap/node-version.mjs';
import { runInForeground } from './bootstrap/children.mjs';
import { runMain } from './bootstrap/fail.mjs';
import { requireRedisServer } from './bootstrap/redis-server.mjs';
import { node, prepare, requireWritable, root, toolEnvironment } from './bootstrap/toolchain.mjs';

/** `npm test`: sets everything up, then runs every check; with arguments, the tests they name. */
await runMain(async () => {
  requireWritable();
  await prepare();
  await requireRedisServer();
  const preload = new URL('./bootstrap/leave-with-parent.mjs', import.meta.url).href;
  return runInForeground(
    node,
    ['--import', preload, 'scripts/check.ts', ...process.argv.slice(2)],
    {
      cwd: root,
      env: toolEnvironment(),
    },
  );
});
