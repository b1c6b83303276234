import { globSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { run } from '../run.ts';
import { type WorkspacePackage, readManifest, readPackages, root } from '../workspace.ts';
import { packOf } from './packs.ts';

/** A project of somebody else, outside the workspace, with our tarballs installed. */
export interface Consumer extends Disposable {
  readonly folder: string;
  readonly packages: readonly WorkspacePackage[];
}

/** Makes a project with every package installed from its tarball and nothing but `more` besides. */
export async function makeConsumer(more: Readonly<Record<string, string>>): Promise<Consumer> {
  const folder = mkdtempSync(path.join(tmpdir(), 'fournines-consumer-'));
  const dispose = (): void => rmSync(folder, { recursive: true, force: true });
  process.once('exit', dispose);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
  try {
    const packages = readPackages();
    const tarballs = Object.fromEntries(
      packages.map((member) => [member.manifest.name, `file:${packOf(member)}`]),
    );
    const manifest = {
      name: 'consumer',
      private: true,
      type: 'module',
      dependencies: { ...more, ...tarballs },
    };
    write(folder, 'package.json', manifest);
    // The packages' own dependencies on each other are not in any registry yet.
    write(folder, 'pnpm-workspace.yaml', {
      packages: ['.'],
      overrides: tarballs,
      autoInstallPeers: false,
      strictDepBuilds: false,
      strictPeerDependencies: false,
    });
    const { code, output } = await run(
      ['pnpm', 'install', '--prefer-offline', '--ignore-scripts'],
      {
        cwd: folder,
        env: { CI: 'true' },
      },
    );
    if (code !== 0) throw new Error(`installing the tarballs failed:\n${output}`);
    return { folder, packages, [Symbol.dispose]: dispose };
  } catch (error) {
    dispose();
    throw error;
  }
}

/** What the packages' README blocks may import besides: their peers and development versions of them. */
export function documentedDependencies(): Record<string, string> {
  const examples = globSync('examples/*', { cwd: root }).map((folder) =>
    readManifest(path.join(root, folder)),
  );
  const manifests = [
    readManifest(root),
    ...examples,
    ...readPackages().map(({ manifest }) => manifest),
  ];
  const wanted = new Set(
    manifests.flatMap(({ peerDependencies }) => Object.keys(peerDependencies ?? {})),
  );
  for (const name of ['@types/node', 'cockatiel', 'pg']) wanted.add(name);
  const found: Record<string, string> = {};
  for (const { dependencies, devDependencies } of manifests) {
    for (const [name, version] of Object.entries({ ...devDependencies, ...dependencies })) {
      const typed = name.replace(/^@types\//, '');
      if (wanted.has(name) || wanted.has(typed)) found[name] = version;
    }
  }
  return found;
}

function write(folder: string, name: string, content: object): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, name), JSON.stringify(content, undefined, 2));
}
