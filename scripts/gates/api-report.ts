import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import {
  CompilerState,
  Extractor,
  ExtractorConfig,
  ExtractorLogLevel,
} from '@microsoft/api-extractor';
import { type Entry, type WorkspacePackage, readPackages, root } from '../workspace.ts';

/**
 * The public API of every entry as a committed text file, `packages/<name>/api/<entry>.api.md`: a
 * change to it is a diff that a reviewer sees. Fails when a report differs from the built
 * declarations; with `--update` (`npm run api`) it writes them.
 */
const isUpdate = process.argv.includes('--update');
const jobs = readPackages().flatMap((member) =>
  member.entries.map((entry) => ({ member, entry, config: configure(member, entry) })),
);
const [first] = jobs;
if (first !== undefined) {
  // One TypeScript program for all: parsing the libraries is most of the time.
  const compilerState = CompilerState.create(first.config, {
    additionalEntryPoints: jobs.map(({ config }) => config.mainEntryPointFilePath),
  });
  for (const { config, entry } of jobs) {
    if (isUpdate) mkdirSync(path.dirname(config.reportFilePath), { recursive: true });
    const { apiReportChanged } = Extractor.invoke(config, {
      compilerState,
      localBuild: isUpdate,
      messageCallback(message) {
        message.handled = true;
        const isError = message.logLevel === ExtractorLogLevel.Error;
        if (isError) fail(`${entry.specifier}: ${message.text}`);
      },
    });
    if (apiReportChanged && !isUpdate) {
      const report = path.relative(root, config.reportFilePath);
      fail(
        `${report} is not what ${entry.specifier} exports: run \`npm run api\`, look at the diff.`,
      );
    }
  }
}
for (const member of readPackages()) refuseStrangers(member);

function configure({ folder }: WorkspacePackage, { name, types }: Entry): ExtractorConfig {
  return ExtractorConfig.prepare({
    configObjectFullPath: path.join(root, 'config', 'api-extractor.json'),
    packageJsonFullPath: path.join(folder, 'package.json'),
    configObject: {
      projectFolder: folder,
      mainEntryPointFilePath: path.join(folder, types),
      newlineKind: 'lf',
      compiler: { overrideTsconfig: compilerOptions(), skipLibCheck: true },
      apiReport: {
        enabled: true,
        reportFileName: `${name}.api.md`,
        reportFolder: path.join(folder, 'api'),
        reportTempFolder: path.join(root, 'temp', path.basename(folder)),
        includeForgottenExports: false,
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      messages: {
        compilerMessageReporting: { default: { logLevel: ExtractorLogLevel.Error } },
        extractorMessageReporting: {
          default: { logLevel: ExtractorLogLevel.None },
        },
        tsdocMessageReporting: { default: { logLevel: ExtractorLogLevel.None } },
      },
    },
  });
}

/** As a user's project reads the declarations; api-extractor brings a TypeScript of its own. */
function compilerOptions(): object {
  return {
    compilerOptions: {
      target: 'es2022',
      lib: ['es2023', 'esnext.disposable', 'esnext.error'],
      module: 'nodenext',
      moduleResolution: 'nodenext',
      types: ['node'],
      typeRoots: [path.join(root, 'node_modules', '@types')],
      strict: true,
      skipLibCheck: true,
    },
  };
}

/** A report of an entry that is gone. */
function refuseStrangers({ folder, entries }: WorkspacePackage): void {
  const reports = path.join(folder, 'api');
  if (!existsSync(reports)) return;
  const known = new Set(entries.map(({ name }) => `${name}.api.md`));
  for (const file of readdirSync(reports).filter((name) => !known.has(name))) {
    if (isUpdate) rmSync(path.join(reports, file));
    else fail(`${path.relative(root, path.join(reports, file))} belongs to no entry.`);
  }
}

function fail(message: string): void {
  process.stdout.write(`${message}\n`);
  process.exitCode = 1;
}
