import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import esbuildPlugin from '@size-limit/esbuild';
import filePlugin from '@size-limit/file';
import sizeLimit from 'size-limit';
import { readPackages, root } from '../workspace.ts';

/**
 * What an entry with all the code of its package behind it weighs, minified and compressed (brotli), against
 * its budget in config/size-budgets.json. `npm run size -- --update` writes budgets for entries
 * that have none, a fifth above what they weigh now.
 */
const budgetsFile = path.join(root, 'config', 'size-budgets.json');
const budgets = JSON.parse(readFileSync(budgetsFile, 'utf8')) as Record<string, string>;
const isUpdate = process.argv.includes('--update');

for (const { folder, manifest, entries } of readPackages()) {
  for (const { specifier, script } of entries) {
    const others = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies });
    const ignore = ['node:*', ...others];
    const [result] = (await sizeLimit([...esbuildPlugin, ...filePlugin], {
      checks: [{ files: [path.join(folder, script)], ignore, modifyEsbuildConfig: quiet }],
    })) as readonly { readonly size: number }[];
    judge(specifier, result?.size ?? Infinity);
  }
}
if (isUpdate) {
  const sorted = Object.fromEntries(
    Object.entries(budgets).toSorted(([a], [b]) => (a < b ? -1 : 1)),
  );
  writeFileSync(budgetsFile, `${JSON.stringify(sorted, undefined, 2)}\n`);
}

function judge(specifier: string, bytes: number): void {
  const budget = budgets[specifier];
  const size = `${(bytes / 1000).toFixed(1)} kB`;
  if (budget === undefined && isUpdate) {
    budgets[specifier] = `${Math.ceil((bytes / 500) * 1.2) / 2} kB`;
  } else if (budget === undefined) {
    fail(`${specifier} weighs ${size} and has no budget: \`npm run size -- --update\``);
  } else if (bytes > Number.parseFloat(budget) * 1000) {
    fail(`${specifier} weighs ${size}, its budget is ${budget}`);
  } else process.stdout.write(`${specifier} ${size} of ${budget}\n`);
}

function quiet(config: object): object {
  return { ...config, logLevel: 'error' };
}

function fail(message: string): void {
  process.stdout.write(`${message}\n`);
  process.exitCode = 1;
}
