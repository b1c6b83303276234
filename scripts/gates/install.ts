import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { run } from '../run.ts';
import { root } from '../workspace.ts';
import { makeConsumer } from './consumer.ts';

/**
 * Installs the tarballs into an empty project without any optional peer and loads every entry by
 * `import` and by `require`, on the oldest Node we support and on the one we develop with.
 */
const nodes = {
  'the oldest Node': path.join(root, 'tests', 'oldest-node', 'node_modules', '.bin', 'node'),
  'the newest Node': process.execPath,
};
using consumer = await makeConsumer({});
const specifiers = consumer.packages.flatMap(({ entries }) =>
  entries.map((entry) => entry.specifier),
);
writeFileSync(
  path.join(consumer.folder, 'load.mjs'),
  `import { createRequire } from 'node:module';
const require = createRequire(import.meta.url);
const failures = [];
for (const specifier of ${JSON.stringify(specifiers)}) {
  try {
    const required = require(specifier);
    const imported = await import(specifier);
    const names = Object.keys(imported);
    if (names.some((name) => required[name] !== imported[name]))
      throw new Error('import and require give different things');
    if (names.length === 0) throw new Error('exports nothing');
  } catch (error) {
    failures.push(specifier + ' on ' + process.version + ': ' + error.message);
  }
}
console.log([process.version, ...failures].join('\\n'));
process.exitCode = failures.length === 0 ? 0 : 1;
`,
);
for (const [which, node] of Object.entries(nodes)) {
  const { code, output } = await run([node, '--no-warnings', 'load.mjs'], { cwd: consumer.folder });
  process.stdout.write(`${which}: ${output}`);
  if (code !== 0) process.exitCode = 1;
}
