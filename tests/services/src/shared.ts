import { inject } from 'vitest';
// What the setup provides to `inject`, for whoever imports this from another project.
import type {} from './global-setup.ts';
import { dropDatabase, createDatabase } from './postgres.ts';

/** A database of the run's PostgreSQL. */
export interface TestDatabase extends AsyncDisposable {
  /** Its connection string. */
  readonly url: string;
  /** Removes it, whoever is connected. */
  drop(): Promise<void>;
}

/** An empty database on the PostgreSQL of this vitest run, which starts when first asked for. */
export async function testDatabase(): Promise<TestDatabase> {
  const server = await sharedUrl('postgres');
  const url = await createDatabase(server);
  const drop = (): Promise<void> => dropDatabase(server, url);
  return { url, drop, [Symbol.asyncDispose]: drop };
}

/** The Redis of this vitest run, which starts when first asked for; prefix your keys. */
export async function sharedRedis(): Promise<string> {
  return sharedUrl('redis');
}

async function sharedUrl(service: 'postgres' | 'redis'): Promise<string> {
  const response = await fetch(`${inject('sharedServices')}/${service}`);
  const text = await response.text();
  if (!response.ok) throw new Error(`the run's ${service} did not start: ${text}`);
  return text;
}
