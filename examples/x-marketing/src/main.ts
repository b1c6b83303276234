import { join } from 'node:path';
import { readConfig } from './config.ts';
import { StartError } from './start-error.ts';
import { start } from './start.ts';

const DATA_DIR = join(import.meta.dirname, '../.data/postgres');

const { config, problems } = readConfig(process.env, DATA_DIR);
if (problems !== undefined) leave(problems);

const starting = new AbortController();
let isStopping = false;
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => void onSignal());

const startedAt = performance.now();
const service = await start(config as NonNullable<typeof config>, report, starting.signal).catch(
  (error: unknown) => {
    if (starting.signal.aborted) process.exit(0);
    if (error instanceof StartError) leave([error.message]);
    throw error;
  },
);
announce();

/** The first signal stops the service in good order, the second at once. */
async function onSignal(): Promise<void> {
  if (isStopping) process.exit(130);
  isStopping = true;
  starting.abort(new StartError('stopped while starting'));
  if (service === undefined) return;
  report('Stopping');
  await service.stop();
  report('Stopped');
  process.exit(0);
}

function announce(): void {
  const { url } = service;
  report(`Ready after ${((performance.now() - startedAt) / 1_000).toFixed(1)} s. Worth opening:`);
  for (const path of ['/api/campaigns', '/api/trends', '/health']) report(`  ${url}${path}`);
  report(`Fault switches: POST ${service.xApiUrl}/__faults and ${service.llmUrl}/__faults`);
  // A parent process, a test for one, learns where everything is.
  process.send?.({ ...service, pid: process.pid });
}

function report(line: string): void {
  process.stdout.write(`${line}\n`);
}

function leave(lines: readonly string[]): never {
  for (const line of lines) process.stderr.write(`${line}\n`);
  process.exit(1);
}
