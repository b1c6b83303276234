import { createHash } from 'node:crypto';
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { collect } from './children.mjs';
import { ClearFailure } from './fail.mjs';
import { expectSuccess, step } from './step.mjs';

export const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
const bin = path.join(root, 'node_modules', '.bin');

/** The Node that everything in the workspace runs on. */
export const node = path.join(bin, 'node');
const stampFile = path.join(root, 'node_modules', '.cache', 'fournines', 'install');

/** The environment in which the workspace's tools find each other before those of the machine. */
export function toolEnvironment() {
  return { ...process.env, PATH: `${bin}${path.delimiter}${process.env.PATH ?? ''}` };
}

/** Installs the pinned toolchain and builds the packages; does only what has changed since. */
export async function prepare() {
  const stamp = installStamp();
  await step('install', async () => {
    if (existsSync(node) && read(stampFile) === stamp) return 'nothing changed';
    requireWritable();
    rmSync(stampFile, { force: true });
    await install();
    mkdirSync(path.dirname(stampFile), { recursive: true });
    writeFileSync(stampFile, stamp);
    return 'pnpm, Node and packages as locked';
  });
  await step('build', async () => {
    const result = await collect(node, ['scripts/build.ts'], { cwd: root, env: toolEnvironment() });
    expectSuccess('The build', result);
    return result.output.trim();
  });
}

/** One clear line when this user cannot write into the project. */
export function requireWritable() {
  try {
    accessSync(root, constants.W_OK);
  } catch (error) {
    throw new ClearFailure(
      `Cannot write into ${root} (${error.code}): copy the project to a folder of this user.`,
    );
  }
}

async function install() {
  const { pnpm } = JSON.parse(
    readFileSync(path.join(root, 'package.json'), 'utf8'),
  ).devDependencies;
  const env = {
    // Give up on an unreachable registry within seconds; both names, for npm and for pnpm.
    npm_config_fetch_retries: '2',
    npm_config_fetch_retry_mintimeout: '1000',
    npm_config_fetch_retry_maxtimeout: '5000',
    pnpm_config_fetch_retries: '2',
    pnpm_config_fetch_retry_mintimeout: '1000',
    pnpm_config_fetch_retry_maxtimeout: '5000',
    ...process.env,
    CI: 'true',
  };
  const result = await collect(
    'npx',
    ['--yes', `pnpm@${pnpm}`, 'install', '--frozen-lockfile', '--prefer-offline'],
    {
      cwd: root,
      env,
    },
  ).catch((error) => {
    if (error.code !== 'ENOENT') throw error;
    throw new ClearFailure(
      'npm (its npx) is not on PATH: install Node 20 or newer together with npm.',
    );
  });
  expectSuccess('The installation', result);
  if (!existsSync(node)) {
    throw new ClearFailure(`The installation left no ${node}:\n\n${result.output}`);
  }
}

/** What an installation depends on: the lockfile and every manifest. */
function installStamp() {
  const hash = createHash('sha256');
  for (const file of [
    'pnpm-lock.yaml',
    'pnpm-workspace.yaml',
    'package.json',
    ...memberManifests(),
  ]) {
    hash.update(`${file}\0`).update(readFileSync(path.join(root, file)));
  }
  return hash.digest('hex');
}

function memberManifests() {
  const groups = ['packages', 'examples', 'tests'].flatMap((group) =>
    existsSync(path.join(root, group))
      ? readdirSync(path.join(root, group)).map((name) => `${group}/${name}`)
      : [],
  );
  return [...groups, 'bench']
    .map((folder) => `${folder}/package.json`)
    .filter((file) => existsSync(path.join(root, file)));
}

function read(file) {
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}
