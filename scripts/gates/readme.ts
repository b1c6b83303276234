import { globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { run } from '../run.ts';
import { root } from '../workspace.ts';
import { documentedDependencies, makeConsumer } from './consumer.ts';

/**
 * Compiles every `ts` block of the READMEs and guides as a project of somebody else would: against
 * the tarballs, with TypeScript's `strict` and nothing of this workspace. Each block is a module.
 */
const patterns = ['*.md', 'packages/*/README.md', 'examples/*/README.md', 'docs/**/*.md'];
const documents = globSync(patterns, { cwd: root, exclude: ['docs/api'] }).toSorted();
using consumer = await makeConsumer(documentedDependencies());
const blocks = documents.flatMap(extractBlocks);
for (const { file, code } of blocks) {
  mkdirSync(path.join(consumer.folder, path.dirname(file)), { recursive: true });
  writeFileSync(path.join(consumer.folder, file), code);
}
writeFileSync(
  path.join(consumer.folder, 'tsconfig.json'),
  JSON.stringify({
    compilerOptions: {
      target: 'es2023',
      lib: ['es2023', 'esnext.disposable'],
      module: 'nodenext',
      moduleDetection: 'force',
      types: ['node'],
      strict: true,
      noEmit: true,
      skipLibCheck: true,
    },
    include: ['blocks'],
  }),
);
if (blocks.length > 0) {
  const { code, output } = await run(['tsc', '-p', consumer.folder, '--pretty', 'false']);
  // A block's lines stand where they stand in its document.
  process.stdout.write(output.replaceAll(/^.*?blocks\/(.+?)\.\d+\.ts\(/gm, '$1('));
  if (code !== 0) process.exitCode = 1;
}

function extractBlocks(document: string): { file: string; code: string }[] {
  const text = readFileSync(path.join(root, document), 'utf8');
  return [...text.matchAll(/^```(?:ts|typescript)\b[^\n]*\n([\s\S]*?)^```/gm)].map(
    (match, index) => {
      const linesBefore = text.slice(0, match.index).split('\n').length;
      return {
        file: path.join('blocks', `${document}.${index}.ts`),
        code: '\n'.repeat(linesBefore) + (match[1] ?? ''),
      };
    },
  );
}
