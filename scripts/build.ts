import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { type WorkspacePackage, readPackages, root } from './workspace.ts';

const stamps = path.join(root, 'node_modules', '.cache', 'fournines', 'build');

/** What every package's build depends on besides its own files. */
const shared = [
  'config/tsup.ts',
  'scripts/build.ts',
  'scripts/workspace.ts',
  'tsconfig.base.json',
  'LICENSE',
];

const packages = readPackages();
const stale = packages.filter((member) => !isFresh(member));
for (const member of stale) await build(member);
process.stdout.write(
  stale.length === 0
    ? `${packages.length} packages, nothing changed\n`
    : `${stale.length} of ${packages.length} packages\n`,
);

async function build(member: WorkspacePackage): Promise<void> {
  const stamp = stampOf(member);
  rmSync(stampFile(member), { force: true });
  const [{ build: bundle }, { tsupPreset }] = await Promise.all([
    import('tsup'),
    import('../config/tsup.ts'),
  ]);
  await bundle(tsupPreset(member));
  await emitDeclarations(member);
  copyFileSync(path.join(root, 'LICENSE'), path.join(member.folder, 'LICENSE'));
  mkdirSync(stamps, { recursive: true });
  writeFileSync(stampFile(member), stamp);
}

/**
 * Declarations file by file: `isolatedDeclarations` promises that each can be made from its own
 * text alone, which takes milliseconds. Types are checked elsewhere (`npm test`).
 */
async function emitDeclarations({ folder }: WorkspacePackage): Promise<void> {
  const { default: ts } = await import('typescript');
  for (const file of globSync('**/*.ts', { cwd: path.join(folder, 'src') })) {
    const source = path.join(folder, 'src', file);
    const target = path.join(folder, 'dist', file.replace(/\.ts$/, '.d.ts'));
    const { outputText, sourceMapText, diagnostics } = ts.transpileDeclaration(
      readFileSync(source, 'utf8'),
      {
        fileName: source,
        reportDiagnostics: true,
        compilerOptions: {
          target: ts.ScriptTarget.ES2023,
          module: ts.ModuleKind.NodeNext,
          isolatedDeclarations: true,
          declaration: true,
          declarationMap: true,
          stripInternal: true,
          rewriteRelativeImportExtensions: true,
        },
      },
    );
    if (diagnostics !== undefined && diagnostics.length > 0) {
      throw new Error(
        ts.formatDiagnostics(diagnostics, {
          getCanonicalFileName: (name) => name,
          getCurrentDirectory: () => root,
          getNewLine: () => '\n',
        }),
      );
    }
    mkdirSync(path.dirname(target), { recursive: true });
    writeFileSync(target, toScriptSpecifiers(outputText));
    const map = JSON.parse(sourceMapText ?? '{}') as Record<string, unknown>;
    const sources = [path.relative(path.dirname(target), source)];
    writeFileSync(`${target}.map`, JSON.stringify({ ...map, sources }));
  }
}

/** Declarations name their neighbours as they are shipped: `./clock.js`, not `./clock.ts`. */
function toScriptSpecifiers(text: string): string {
  return text.replace(/((?:from|import)\s*\(?\s*['"]\.{1,2}\/[^'"]+)\.ts(['"])/g, '$1.js$2');
}

function isFresh(member: WorkspacePackage): boolean {
  return (
    existsSync(stampFile(member)) &&
    member.entries.every(({ script }) => existsSync(path.join(member.folder, script))) &&
    readFileSync(stampFile(member), 'utf8') === stampOf(member)
  );
}

function stampOf({ folder }: WorkspacePackage): string {
  const own = globSync('{src/**/*,package.json,tsconfig.json}', {
    cwd: folder,
    withFileTypes: true,
  })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
  const hash = createHash('sha256');
  for (const file of [...own.toSorted(), ...shared.map((name) => path.join(root, name))]) {
    hash.update(`${path.relative(root, file)}\0`).update(readFileSync(file));
  }
  return hash.digest('hex');
}

function stampFile({ folder }: WorkspacePackage): string {
  return path.join(stamps, path.basename(folder));
}
