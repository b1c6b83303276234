import type { AddressInfo } from 'node:net';
import { Client } from 'pg';
import { buildApp } from './app.ts';
import type { Config } from './config.ts';
import { migrate } from './database/migrate.ts';
import { seed } from './database/seed.ts';
import { openDatabase } from './dependencies/database.ts';
import { openLlm } from './dependencies/llm.ts';
import { openXApi } from './dependencies/x-api.ts';
import { startEmbeddedPostgres } from './postgres/embedded-postgres.ts';
import { StartError } from './start-error.ts';
import { startSampleServer } from './upstreams/sample-server.ts';

/** A service that runs. */
export interface RunningService {
  readonly url: string;
  readonly databaseUrl: string;
  readonly xApiUrl: string;
  readonly llmUrl: string;
  /** Finishes what is under way and stops everything that was started, last first. */
  stop(): Promise<void>;
}

/**
 * Starts everything that the service needs and is not given, then the service.
 *
 * @throws StartError, in one line, when it cannot start; nothing is left running then.
 */
export async function start(
  config: Config,
  report: (line: string) => void,
  signal: AbortSignal,
): Promise<RunningService> {
  const cleanUps: (() => Promise<unknown>)[] = [];
  const stop = async (): Promise<void> => {
    for (let end = cleanUps.pop(); end !== undefined; end = cleanUps.pop()) await end();
  };
  try {
    let { databaseUrl, xApiUrl, llmServiceUrl: llmUrl } = config;
    if (databaseUrl === undefined) {
      const postgres = await startEmbeddedPostgres(config.dataDir, report, signal);
      cleanUps.push(() => postgres.stop());
      databaseUrl = postgres.url;
    }
    await prepareDatabase(databaseUrl, report);
    if (xApiUrl === undefined) {
      const server = await startSampleServer('x-api');
      cleanUps.push(() => server.stop());
      xApiUrl = server.url;
      report(`X API: sample server on ${xApiUrl}`);
    }
    if (llmUrl === undefined) {
      const server = await startSampleServer('llm');
      cleanUps.push(() => server.stop());
      llmUrl = server.url;
      report(`LLM: sample server on ${llmUrl}`);
    }
    signal.throwIfAborted();
    const database = openDatabase(databaseUrl);
    cleanUps.push(() => database.close());
    const app = buildApp({
      database,
      xApi: openXApi(xApiUrl, config.xApiToken ?? 'sample', config.enableFallbacks),
      llm: openLlm(llmUrl, config.enableFallbacks),
    });
    cleanUps.push(() => app.close());
    await listen(app, config);
    const { port } = app.server.address() as AddressInfo;
    return { url: `http://${config.host}:${port}`, databaseUrl, xApiUrl, llmUrl, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function prepareDatabase(url: string, report: (line: string) => void): Promise<void> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  client.on('error', () => {});
  try {
    await client.connect();
  } catch (error) {
    const { host, pathname } = new URL(url);
    throw new StartError(`The database at ${host}${pathname} cannot be reached: ${reason(error)}`);
  }
  try {
    const files = await migrate(client);
    if (files.length > 0) report(`Database: ran ${files.join(', ')}`);
    const samples = await seed(client);
    if (samples > 0) report(`Database: wrote ${samples} sample campaigns`);
  } catch (error) {
    throw new StartError(`The database cannot be prepared: ${reason(error)}`, { cause: error });
  } finally {
    await client.end().catch(() => {});
  }
}

async function listen(app: ReturnType<typeof buildApp>, config: Config): Promise<void> {
  try {
    await app.listen({ port: config.port, host: config.host });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'EADDRINUSE') {
      throw new StartError(`Port ${config.port} is in use: stop what listens there, or set PORT`);
    }
    throw new StartError(`Cannot listen on ${config.host}:${config.port}: ${reason(error)}`);
  }
}

function reason(error: unknown): string {
  if (error instanceof AggregateError) return reason(error.errors[0]);
  return error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
}
