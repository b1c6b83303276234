import { run, runAll } from '../run.ts';
import { readPackages } from '../workspace.ts';
import { packOf } from './packs.ts';

/** Runs a command once per tarball, the tarball's path in the place of `{}`. */
const [command, ...args] = process.argv.slice(2);
if (command === undefined) throw new Error('usage: each-pack.ts <command> [arguments with {}]');
await runAll(readPackages(), async (member) => {
  const tarball = packOf(member);
  const filled = args.map((arg) => (arg === '{}' ? tarball : arg));
  const { code, output } = await run([command, ...filled]);
  if (code === 0) return;
  process.stdout.write(`${member.manifest.name}\n${output}\n`);
  process.exitCode = 1;
});
