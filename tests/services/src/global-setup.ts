import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestProject } from 'vitest/node';
import { type PostgresServer, startPostgres } from './postgres.ts';
import { type RedisServer, startRedis } from './redis.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Where a test file asks for the run's PostgreSQL and Redis. */
    sharedServices: string;
  }
}

/** Vitest's global setup: one PostgreSQL and one Redis per run, started when a test wants them. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  let postgres: Promise<PostgresServer> | undefined;
  let redis: Promise<RedisServer> | undefined;
  const server = createServer((request, response) => {
    const service =
      request.url === '/postgres' ? (postgres ??= startPostgres()) : (redis ??= startRedis());
    service.then(
      ({ url }) => response.end(url),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  server.listen(0, '127.0.0.1').unref();
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  project.provide('sharedServices', `http://127.0.0.1:${port}`);
  return async () => {
    server.close();
    server.closeAllConnections();
    const started = await Promise.allSettled([postgres, redis]);
    await Promise.all(
      started.map(async (result) =>
        result.status === 'fulfilled' ? result.value?.stop() : undefined,
      ),
    );
  };
}
