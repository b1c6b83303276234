import { globSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { run, runAll } from '../run.ts';
import { root } from '../workspace.ts';

/**
 * `tsc` for every tsconfig.json of the workspace: packages with their tests and type tests, the
 * examples, and at the top everything else. `npm run types` does this alone.
 */
const cache = path.join(root, 'node_modules', '.cache', 'fournines', 'types');
mkdirSync(cache, { recursive: true });

const projects = globSync('{packages/*/,examples/*/,}tsconfig.json', { cwd: root }).toSorted();
const results = await runAll(projects, async (project) => {
  const buildInfo = path.join(cache, `${project.replaceAll('/', '-')}.tsbuildinfo`);
  return run([
    'tsc',
    '-p',
    project,
    '--incremental',
    '--tsBuildInfoFile',
    buildInfo,
    '--pretty',
    'false',
  ]);
});
for (const { code, output } of results) {
  if (code === 0) continue;
  process.stdout.write(output);
  process.exitCode = 1;
}
