import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { buildApp } from './app.ts';
import type { Config } from './config.ts';
import { migrate } from './database/migrate.ts';
import { seed } from './database/seed.ts';
import { database } from './dependencies/database.ts';
import { llm } from './dependencies/llm.ts';
import { xApi } from './dependencies/x-api.ts';
import type { Dependencies, Phase } from './health/routes.ts';
import { startEmbeddedPostgres } from './postgres/embedded-postgres.ts';
import { StartError } from './start-error.ts';
import { startSample } from './upstreams/sample-process.ts';

/** The running service. */
export interface Service {
  /** Starts what the configuration asks for; resolves when it serves. */
  start(signal: AbortSignal): Promise<{ readonly url: string; readonly databaseUrl: string }>;
  /** Finishes the requests in flight and ends everything that it started, last first. */
  stop(): Promise<void>;
}

/** How long requests in flight may take to end when the service stops: as long as its longest call. */
const DRAIN_MS = 15_000;

/** Makes the service; nothing runs yet. */
export function service(config: Config, report: (line: string) => void): Service {
  let phase: Phase = 'starting';
  let dependencies: Dependencies | undefined;
  const app = buildApp(
    () => phase,
    () => dependencies,
  );
  const endings: Array<() => Promise<void>> = [];

  async function postgresUrl(signal: AbortSignal): Promise<string> {
    if (config.databaseUrl !== undefined) return config.databaseUrl;
    const server = await startEmbeddedPostgres(config.dataDir, report, signal);
    endings.push(() => server.stop());
    return server.url;
  }

  async function sample(
    file: 'x-api-server.ts' | 'llm-server.ts',
    env: Readonly<Record<string, string>>,
  ): Promise<string> {
    const server = await startSample(file, env, report);
    endings.push(() => server.stop());
    report(`sample server ${file}: ${server.url} (faults: ${server.url}/__faults)`);
    return server.url;
  }

  return {
    async start(signal) {
      // First of all the port: whoever started the service twice learns it at once.
      const url = await listen(app, config);
      endings.push(() => app.close());
      const databaseUrl = await postgresUrl(signal);
      signal.throwIfAborted();
      await prepareDatabase(databaseUrl, report);
      signal.throwIfAborted();
      const token = config.xApiToken ?? (config.xApiUrl === undefined ? newToken() : undefined);
      const xUrl =
        config.xApiUrl ?? (await sample('x-api-server.ts', { X_API_TOKEN: token ?? newToken() }));
      const llmUrl = config.llmServiceUrl ?? (await sample('llm-server.ts', {}));
      signal.throwIfAborted();
      const opened = database(databaseUrl);
      endings.push(() => opened.close());
      dependencies = {
        database: opened,
        xApi: xApi(xUrl, token, config.enableFallbacks),
        llm: llm(llmUrl, config.enableFallbacks),
      };
      phase = 'ready';
      return { url, databaseUrl };
    },
    async stop() {
      phase = 'draining';
      // The server goes first although it was started first: the others serve its requests in flight.
      // A client that stops talking in the middle of its request must not hold us up.
      const cut = setTimeout(() => app.server.closeAllConnections(), DRAIN_MS);
      await app.close().finally(() => clearTimeout(cut));
      for (const end of endings.toReversed()) await end();
    },
  };
}

async function listen(app: ReturnType<typeof buildApp>, { host, port }: Config): Promise<string> {
  try {
    return await app.listen({ host, port });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'EADDRINUSE') {
      throw new StartError(`port ${port} on ${host} is in use: stop what uses it, or set PORT`, {
        cause: error,
      });
    }
    throw new StartError(`cannot listen on ${host}:${port} (${String(code ?? error)})`, {
      cause: error,
    });
  }
}

async function prepareDatabase(url: string, report: (line: string) => void): Promise<void> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const ran = await migrate(client);
    if (ran.length > 0) report(`database: ran ${ran.join(', ')}`);
    const written = await seed(client);
    if (written > 0) report(`database: wrote ${written} sample campaigns`);
  } catch (error) {
    const { host, port } = client;
    throw new StartError(`the database at ${host}:${port} cannot be used: ${reasonOf(error)}`, {
      cause: error,
    });
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** The innermost words; a failed connection to several addresses has them in its parts. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return reasonOf(error.errors[0]);
  if (!(error instanceof Error)) return String(error);
  const own = error.message.replaceAll(/\s+/g, ' ');
  return error.cause === undefined ? own : `${own}: ${reasonOf(error.cause)}`;
}

function newToken(): string {
  return randomBytes(16).toString('hex');
}
