import pg from 'pg';

/** One connection of a test; its errors outside of queries are nobody's. */
export interface Session extends AsyncDisposable {
  readonly client: pg.Client;
  /** The server's process of this connection. */
  readonly pid: number;
  /** Resolves when the connection is gone, whatever the reason. */
  readonly ended: Promise<void>;
  /** Runs statements one after the other; fails with the first error. */
  run(...statements: readonly string[]): Promise<unknown>;
}

/** Connects to a PostgreSQL. */
export async function connect(url: string, options: pg.ClientConfig = {}): Promise<Session> {
  const client = new pg.Client({ connectionString: url, ...options });
  client.on('error', () => undefined);
  const ended = new Promise<void>((resolve) => client.once('end', resolve));
  try {
    await client.connect();
  } catch (error) {
    await client.end().catch(() => undefined);
    throw error;
  }
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  return {
    client,
    ended,
    pid: rows[0]?.pid ?? 0,
    async run(...statements) {
      for (const statement of statements) await client.query(statement);
    },
    async [Symbol.asyncDispose]() {
      await client.end().catch(() => undefined);
    },
  };
}

/** Whether that process waits for a lock, as seen by another session. */
export async function isBlocked(observer: Session, pid: number): Promise<boolean> {
  const { rows } = await observer.client.query<{ blocked: boolean }>(
    'SELECT cardinality(pg_blocking_pids($1)) > 0 AS blocked',
    [pid],
  );
  return rows[0]?.blocked === true;
}

/** Whether that process runs a statement, as seen by another session. */
export async function isBusy(observer: Session, pid: number): Promise<boolean> {
  const { rows } = await observer.client.query<{ state: string }>(
    "SELECT 1 FROM pg_stat_activity WHERE pid = $1 AND state = 'active'",
    [pid],
  );
  return rows.length === 1;
}
