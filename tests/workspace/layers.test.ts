import { globSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import path from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { type Manifest, readPackages, root } from '../../scripts/workspace.ts';

/** A package imports only from lower floors. */
const floors: Readonly<Record<string, number>> = {
  '@fournines/core': 0,
  '@fournines/error-classification': 0,
  '@fournines/timeout': 1,
  '@fournines/retry': 1,
  '@fournines/breaker': 1,
  '@fournines/limiter': 1,
  '@fournines/metrics': 1,
  '@fournines/health': 1,
  '@fournines/chaos': 1,
  '@fournines/fetch': 2,
  '@fournines/degradation-cache': 2,
  '@fournines/connections': 2,
  '@fournines/http': 3,
  fournines: 4,
};

/** They know everything else as a `Component`, never by import. */
const onlyCore = new Set(['@fournines/metrics', '@fournines/health', '@fournines/http']);

/** The whole of what they may depend on. */
const dependencies: Readonly<Record<string, readonly string[]>> = {
  '@fournines/core': ['cockatiel'],
  '@fournines/error-classification': [],
};

/** Brought by the user when they want them. */
const clients = ['pg', 'ioredis', 'express', 'fastify', 'prom-client', '@opentelemetry/api'];

const packages = readPackages();

describe.each(packages)('$manifest.name', ({ folder, manifest }) => {
  const imports = globSync('src/**/*.ts', { cwd: folder }).flatMap((file) =>
    importsOf(path.join(folder, file)).map((specifier) => ({ file, specifier })),
  );
  const foreign = imports.filter(
    ({ specifier }) => !specifier.startsWith('.') && !isBuiltin(specifier),
  );
  const ownFloor = floors[manifest.name];

  it('stands on a floor of the house', () => {
    expect(Object.keys(floors)).toContain(manifest.name);
  });

  it('imports only from lower floors', () => {
    const upward = foreign.filter(({ specifier }) => {
      const floor = floors[packageOf(specifier)];
      return floor !== undefined && floor >= (ownFloor ?? 0);
    });
    expect(upward).toEqual([]);
  });

  it('declares what it imports', () => {
    const declared = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies });
    const missing = foreign.filter(({ specifier }) => !declared.includes(packageOf(specifier)));
    expect(missing).toEqual([]);
  });

  it('stays inside its folder', () => {
    const outside = imports.filter(
      ({ file, specifier }) =>
        specifier.startsWith('.') &&
        path.posix.join(path.dirname(file), specifier).startsWith('..'),
    );
    expect(outside).toEqual([]);
  });

  it('has no import cycle', () => {
    expect(cyclesIn(path.join(folder, 'src'))).toEqual([]);
  });

  it('takes clients and frameworks as optional peers', () => {
    const peers = Object.keys(manifest.peerDependencies ?? {});
    expect(clients.filter((name) => name in (manifest.dependencies ?? {}))).toEqual([]);
    expect(
      peers.filter((name) => manifest.peerDependenciesMeta?.[name]?.optional !== true),
    ).toEqual([]);
  });

  it('is an ESM package for every supported Node', () => {
    expect(manifest).toMatchObject({
      type: 'module',
      engines: { node: '>=22.12' },
      license: 'MIT',
    });
    expect(manifest.files).toEqual(expect.arrayContaining(['dist', 'src', 'README.md', 'LICENSE']));
    expect(manifest.private).toBeUndefined();
  });
});

it.each(packages.filter(({ manifest }) => onlyCore.has(manifest.name)))(
  '$manifest.name knows nothing of ours but core',
  ({ manifest }) => {
    expect(ours(manifest).filter((name) => name !== '@fournines/core')).toEqual([]);
  },
);

it.each(packages.filter(({ manifest }) => manifest.name in dependencies))(
  '$manifest.name depends on no more than it promises',
  ({ manifest }) => {
    const all = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies });
    expect(all).toEqual(dependencies[manifest.name]);
  },
);

it('binds isolated declarations to packages, and to nothing else', () => {
  const configs = globSync('{packages,examples}/*/tsconfig.json', { cwd: root });
  const bound = [...configs, 'tsconfig.json'].filter(
    (file) => parse(file).options.isolatedDeclarations,
  );
  expect(bound.toSorted()).toEqual(
    configs.filter((file) => file.startsWith('packages/')).toSorted(),
  );
});

it('checks the types of every TypeScript file', () => {
  const configs = globSync('{packages/*/,examples/*/,}tsconfig.json', { cwd: root });
  const checked = new Set(configs.flatMap((file) => parse(file).fileNames));
  const files = globSync('{packages,examples,tests,bench,scripts,config}/**/*.ts', {
    cwd: root,
    exclude: (name) => ['node_modules', 'dist', 'temp'].includes(name),
  });
  const unchecked = files
    .filter((file) => !/(^|\/)(node_modules|dist|temp)\//.test(file))
    .filter((file) => !checked.has(path.join(root, file)));
  expect(unchecked).toEqual([]);
});

function importsOf(file: string): readonly string[] {
  const { importedFiles } = ts.preProcessFile(readFileSync(file, 'utf8'), true, true);
  return importedFiles.map(({ fileName }) => fileName);
}

/** `@fournines/core/testing` is of `@fournines/core`. */
function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

function ours({ dependencies: own, peerDependencies }: Manifest): readonly string[] {
  return Object.keys({ ...own, ...peerDependencies }).filter((name) => name in floors);
}

/** Files that import each other at run time; `import type` leaves nothing behind. */
function cyclesIn(folder: string): readonly string[] {
  const graph = new Map(
    globSync('**/*.ts', { cwd: folder }).map((file) => {
      const { outputText } = ts.transpileModule(readFileSync(path.join(folder, file), 'utf8'), {
        compilerOptions: {
          module: ts.ModuleKind.ESNext,
          target: ts.ScriptTarget.ESNext,
          verbatimModuleSyntax: true,
        },
      });
      const targets = ts
        .preProcessFile(outputText, true, true)
        .importedFiles.filter(({ fileName }) => fileName.startsWith('.'))
        .map(({ fileName }) => path.posix.join(path.dirname(file), fileName));
      return [file, targets] as const;
    }),
  );
  const cycles: string[] = [];
  const done = new Set<string>();
  const visit = (file: string, trail: readonly string[]): void => {
    if (trail.includes(file)) cycles.push([...trail.slice(trail.indexOf(file)), file].join(' → '));
    if (done.has(file) || trail.includes(file)) return;
    for (const next of graph.get(file) ?? []) visit(next, [...trail, file]);
    done.add(file);
  };
  for (const file of graph.keys()) visit(file, []);
  return cycles;
}

function parse(file: string): ts.ParsedCommandLine {
  const full = path.join(root, file);
  const { config } = ts.readConfigFile(full, (name) => ts.sys.readFile(name)) as {
    config: unknown;
  };
  return ts.parseJsonConfigFileContent(config, ts.sys, path.dirname(full));
}
