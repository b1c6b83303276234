import { breakerPresets, circuitBreaker } from '@fournines/breaker';
import { type Component, compose } from '@fournines/core';
import { retry } from '@fournines/retry';
import { timeout } from '@fournines/timeout';
import { type ClientBase, Pool } from 'pg';

/** The database behind its policies. */
export interface Database {
  /** Runs queries that may be repeated: reads, and writes that a key makes idempotent. */
  read<T>(work: (client: ClientBase) => Promise<T>): Promise<T>;
  /** Runs a transaction: all of it or nothing. Repeated only when it is said to be idempotent. */
  transaction<T>(
    work: (client: ClientBase) => Promise<T>,
    options?: { readonly idempotent?: boolean },
  ): Promise<T>;
  /** What health shows of it. */
  readonly components: readonly Component[];
  close(): Promise<void>;
}

/**
 * Opens the database. Outermost first: all attempts within 5 s, two of them when that is safe, none
 * while the circuit is open, each within 2 s.
 */
export function openDatabase(url: string): Database {
  const pool = new Pool({
    connectionString: url,
    max: 20,
    connectionTimeoutMillis: 1_500,
    statement_timeout: 2_000,
    application_name: 'x-marketing',
  });
  // A connection that dies while nobody uses it is no reason to end the process; the next query notices.
  pool.on('error', () => {});

  const total = timeout({ name: 'database-total', duration: 5_000 });
  const again = retry({ name: 'database', maxAttempts: 2 });
  const breaker = circuitBreaker({
    ...breakerPresets.database,
    name: 'database',
    // It restarts beside us, within seconds: look again soon.
    resetTimeout: 1_000,
  });
  const attempt = timeout({ name: 'database', duration: 2_000 });
  const policy = compose(total, again, breaker, attempt);

  const withClient = async <T>(work: (client: ClientBase) => Promise<T>): Promise<T> => {
    const client = await pool.connect();
    // A checked-out client reports the loss of its connection as an event too.
    const ignore = (): void => {};
    client.on('error', ignore);
    let failure: Error | undefined;
    try {
      return await work(client);
    } catch (error) {
      failure = error instanceof Error ? error : new Error('query failed', { cause: error });
      throw error;
    } finally {
      client.off('error', ignore);
      client.release(isConnectionLost(failure) ? failure : undefined);
    }
  };

  return {
    read: (work) => policy.execute(() => withClient(work), { idempotent: true }),
    transaction: (work, options = {}) =>
      policy.execute(() => withClient((client) => inTransaction(client, work)), options),
    components: [total, again, breaker, attempt],
    close: () => pool.end(),
  };
}

async function inTransaction<T>(
  client: ClientBase,
  work: (client: ClientBase) => Promise<T>,
): Promise<T> {
  await client.query('begin');
  try {
    const result = await work(client);
    await client.query('commit');
    return result;
  } catch (error) {
    await client.query('rollback').catch(() => {});
    throw error;
  }
}

/** Anything but an error that the server itself reported about a statement. */
function isConnectionLost(error: Error | undefined): boolean {
  if (error === undefined) return false;
  const code = 'code' in error ? String(error.code) : '';
  return !/^[0-9A-Z]{5}$/.test(code) || /^(08|57P)/.test(code);
}
