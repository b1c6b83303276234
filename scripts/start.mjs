import './bootstrap/node-version.mjs';
import { runInForeground } from './bootstrap/children.mjs';
import { ClearFailure, runMain } from './bootstrap/fail.mjs';
import { node, prepare, root, toolEnvironment } from './bootstrap/toolchain.mjs';
import { existsSync } from 'node:fs';

const service = 'examples/x-marketing';

/** `npm start`: sets everything up, then is the service until it ends. */
await runMain(async () => {
  await prepare();
  if (!existsSync(`${root}/${service}/src/main.ts`))
    throw new ClearFailure(`${service} is missing.`);
  process.stdout.write(`  start        ${service}\n\n`);
  const preload = new URL('./bootstrap/leave-with-parent.mjs', import.meta.url).href;
  return runInForeground(node, ['--import', preload, 'src/main.ts', ...process.argv.slice(2)], {
    cwd: `${root}/${service}`,
    env: toolEnvironment(),
  });
});
