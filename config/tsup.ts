import path from 'node:path';
import type { Options } from 'tsup';
import type { WorkspacePackage } from '../scripts/workspace.ts';

/**
 * How every package is bundled: one ESM file per entry of its `exports`, what entries share in
 * common chunks (so that a class exists once), dependencies left alone, source maps into `src`.
 * Declarations are not tsup's: scripts/build.ts emits them file by file.
 */
export function tsupPreset({ folder, manifest, entries }: WorkspacePackage): Options {
  return {
    config: false,
    silent: true,
    entry: Object.fromEntries(
      entries.map(({ script, source }) => [
        path.posix.relative('dist', script).replace(/\.js$/, ''),
        path.join(folder, source),
      ]),
    ),
    outDir: path.join(folder, 'dist'),
    format: 'esm',
    platform: 'node',
    target: 'node22.12',
    splitting: true,
    sourcemap: true,
    clean: true,
    dts: false,
    treeshake: false,
    removeNodeProtocol: false,
    tsconfig: path.join(folder, 'tsconfig.json'),
    external: [
      ...Object.keys(manifest.dependencies ?? {}),
      ...Object.keys(manifest.peerDependencies ?? {}),
      /^@fournines\//,
    ],
    esbuildOptions(options): void {
      options.absWorkingDir = folder;
      options.conditions = ['node', 'import', 'default'];
    },
  };
}
