import { breakerPresets, circuitBreaker } from '@fournines/breaker';
import { type Component, compose } from '@fournines/core';
import { bulkhead } from '@fournines/limiter';
import { retry } from '@fournines/retry';
import { timeout } from '@fournines/timeout';
import { Pool, type PoolClient } from 'pg';

const TOTAL_MS = 2_500;
const ATTEMPT_MS = 1_000;
const CONNECTIONS = 20;

/** PostgreSQL, each call behind its policies. */
export interface Database {
  readonly policies: readonly Component[];
  /** Runs reads on one connection; repeated when it fails, so `work` must not write. */
  read<T>(work: (client: PoolClient) => Promise<T>, signal?: AbortSignal): Promise<T>;
  /** Runs `work` in one transaction: all of it, or nothing. `idempotent`: it may be repeated after a failure that leaves open whether it took effect. */
  transaction<T>(
    work: (client: PoolClient) => Promise<T>,
    options: { readonly idempotent: boolean; readonly signal?: AbortSignal },
  ): Promise<T>;
  /** Asks whether it answers. */
  ping(signal?: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** Connects to PostgreSQL when the first call needs it. */
export function database(url: string): Database {
  const pool = new Pool({
    connectionString: url,
    max: CONNECTIONS,
    connectionTimeoutMillis: ATTEMPT_MS,
    // The server ends a statement before our own time is up; the client's limit is for a server that is silent.
    statement_timeout: ATTEMPT_MS - 200,
    query_timeout: ATTEMPT_MS,
    keepAlive: true,
  });
  // Without a listener, a connection that the server drops would end the process: idle and in use.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));

  const policies = compose(
    timeout({ name: 'database-total', duration: TOTAL_MS }),
    retry({ name: 'database-retry', maxAttempts: 2 }),
    // It restarts beside us within seconds: it is tried again soon, but later than a call may
    // take, so that nobody waits for an open circuit.
    circuitBreaker({ ...breakerPresets.database, name: 'database', resetTimeout: TOTAL_MS + 500 }),
    timeout({ name: 'database-attempt', duration: ATTEMPT_MS + 100 }),
    // As many at once as there are connections; who waits longer than an attempt was never started.
    bulkhead({ name: 'database', maxConcurrent: CONNECTIONS, maxQueue: 10 * CONNECTIONS }),
  );

  async function borrow<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
    const client = await pool.connect();
    let isUsable = false;
    try {
      const value = await work(client);
      isUsable = true;
      return value;
    } catch (error) {
      // An answer of the server that names a fault of the statement leaves the connection usable.
      isUsable = isStatementFault(error);
      throw error;
    } finally {
      client.release(!isUsable);
    }
  }

  const read: Database['read'] = (work, signal) =>
    policies.execute(() => borrow(work), { signal, idempotent: true });

  return {
    policies: [policies],
    read,
    transaction: (work, { signal, idempotent }) =>
      policies.execute(() => borrow((client) => inTransaction(client, work)), {
        signal,
        idempotent,
      }),
    async ping(signal) {
      await read((client) => client.query('select 1'), signal);
    },
    close: () => pool.end(),
  };
}

async function inTransaction<T>(
  client: PoolClient,
  work: (client: PoolClient) => Promise<T>,
): Promise<T> {
  await client.query('begin');
  try {
    const value = await work(client);
    await client.query('commit');
    return value;
  } catch (error) {
    // On a connection that is gone this fails too; the first error says more.
    await client.query('rollback').catch(() => undefined);
    throw error;
  }
}

/** Classes 22 (data), 23 (constraint) and 40 (conflict between transactions). */
function isStatementFault(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && /^(?:22|23|40)[0-9A-Z]{3}$/.test(code);
}
