import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The workspace's top folder. */
export const root: string = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '');

/** The fields of a package.json that the tools read. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly private?: boolean;
  readonly files?: readonly string[];
  readonly engines?: Readonly<Record<string, string>>;
  readonly type?: string;
  readonly bin?: string | Readonly<Record<string, string>>;
  readonly exports?: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
}

/** One module that a package exports. */
export interface Entry {
  /** As it is imported: `@fournines/core/testing`. */
  readonly specifier: string;
  /** The short name of its files: `testing`; `index` for the package itself. */
  readonly name: string;
  /** Paths within the package. */
  readonly source: string;
  readonly types: string;
  readonly script: string;
}

/** A package that is published. */
export interface WorkspacePackage {
  readonly folder: string;
  readonly manifest: Manifest;
  readonly entries: readonly Entry[];
}

/** Every package under packages/, in the order of their names. */
export function readPackages(): readonly WorkspacePackage[] {
  return readdirSync(path.join(root, 'packages'))
    .map((name) => path.join(root, 'packages', name))
    .filter((folder) => existsSync(path.join(folder, 'package.json')))
    .toSorted()
    .map(readPackage);
}

function readPackage(folder: string): WorkspacePackage {
  const manifest = readManifest(folder);
  const entries = Object.entries(manifest.exports ?? {}).flatMap(([subpath, target]) => {
    if (typeof target === 'string') return [];
    const { '@fournines/source': source, types, default: script } = target;
    if (source === undefined || types === undefined || script === undefined) {
      throw new Error(
        `${manifest.name}: exports["${subpath}"] must have "@fournines/source", "types" and "default"`,
      );
    }
    const name = path.basename(script, '.js');
    return [{ specifier: path.posix.join(manifest.name, subpath), name, source, types, script }];
  });
  return { folder, manifest, entries };
}

/** The package.json of a folder. */
export function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as Manifest;
}
