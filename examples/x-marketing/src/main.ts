import { join } from 'node:path';
import { readConfig } from './config.ts';
import { service } from './service.ts';
import { StartError } from './start-error.ts';

/** A terminal's Ctrl-C reaches the whole group, and a parent may pass it on: one press, two signals. */
const SAME_PRESS_MS = 1_000;

const began = performance.now();
const { config, problems } = readConfig(
  process.env,
  join(import.meta.dirname, '../.data/postgres'),
);

if (problems === undefined) {
  const running = service(config, report);
  const stopping = new AbortController();
  const started = running.start(stopping.signal);
  let pressedAt: number | undefined;
  const onSignal = (): void => {
    if (pressedAt === undefined) {
      pressedAt = performance.now();
      report('stopping');
      stopping.abort();
      void stop(0);
    } else if (performance.now() - pressedAt > SAME_PRESS_MS) {
      complain('stopped by force');
      process.exit(1);
    }
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  process.on('SIGHUP', onSignal);

  const stop = async (code: number): Promise<void> => {
    // A start that is under way ends first: what it started is then known.
    await started.catch(() => undefined);
    await running.stop().catch((error: unknown) => complain(String(error)));
    process.exit(code);
  };

  try {
    const { url, databaseUrl } = await started;
    report(`ready on ${url}`);
    for (const path of ['/api/campaigns', '/api/trends', '/health'])
      console.log(`    ${url}${path}`);
    if (config.databaseUrl === undefined) console.log(`    ${databaseUrl}`);
    console.log('    Ctrl-C stops it');
  } catch (error) {
    if (!stopping.signal.aborted) {
      complain(error instanceof StartError ? error.message : String(error));
      await stop(1);
    }
  }
} else {
  problems.forEach(complain);
  process.exitCode = 1;
}

function report(line: string): void {
  console.log(`[${((performance.now() - began) / 1_000).toFixed(1)} s] ${line}`);
}

function complain(line: string): void {
  console.error(`x-marketing: ${line}`);
}
