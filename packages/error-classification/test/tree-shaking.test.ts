import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { expect, it } from 'vitest';

/** What a bundler keeps of an entry, as text. */
async function bundled(code: string): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents: code, resolveDir: fileURLToPath(new URL('../src', import.meta.url)) },
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'node',
    treeShaking: true,
  });
  return outputFiles[0]?.text ?? '';
}

it('importing ./pg alone brings no other table', async () => {
  const text = await bundled("import { classifyPg } from './pg.ts'; console.log(classifyPg);");
  expect(text).toContain('40P01');
  for (const foreign of [
    'UND_ERR_SOCKET',
    'P2034',
    'WRONGTYPE',
    'CERT_HAS_EXPIRED',
    'insufficient_quota',
  ]) {
    expect(text).not.toContain(foreign);
  }
});

it('importing toProblem alone brings no table', async () => {
  const text = await bundled("import { toProblem } from './index.ts'; console.log(toProblem);");
  expect(text).not.toContain('40P01');
  expect(text).not.toContain('UND_ERR_SOCKET');
});
