import { mkdirSync, rmSync } from 'node:fs';
import { run, runAll } from '../run.ts';
import { readPackages } from '../workspace.ts';
import { packOf, packs } from './packs.ts';

/** Packs every package as it would be published and looks for what every package must ship. */
rmSync(packs, { recursive: true, force: true });
mkdirSync(packs, { recursive: true });
const required = [
  'package/LICENSE',
  'package/README.md',
  'package/dist/index.js',
  'package/src/index.ts',
];
await runAll(readPackages(), async (member) => {
  const tarball = packOf(member);
  const { code, output } = await run(['pnpm', 'pack', '--out', tarball], { cwd: member.folder });
  if (code !== 0) return fail(`${member.manifest.name}: ${output}`);
  const { output: list } = await run(['tar', '-tzf', tarball]);
  const files = new Set(list.trim().split('\n'));
  for (const file of required) {
    if (!files.has(file)) fail(`${member.manifest.name}: its tarball lacks ${file}`);
  }
});

function fail(message: string): void {
  process.stdout.write(`${message}\n`);
  process.exitCode = 1;
}
