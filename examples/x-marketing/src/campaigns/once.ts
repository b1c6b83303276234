import { createHash } from 'node:crypto';
import type { ClientBase } from 'pg';

/** What came of a keyed request. */
export type Once<T> =
  | { readonly outcome: 'done' | 'replayed'; readonly value: T }
  | { readonly outcome: 'key-reused' };

/**
 * Does the work of a keyed request once, inside the transaction that `client` is in: the answer is
 * stored with its effect, or neither is. A second request with the key waits for the first.
 *
 * @param request What the client asked for: the same key with another request is refused.
 */
export async function once<T>(
  client: ClientBase,
  key: string,
  request: unknown,
  work: () => Promise<T>,
): Promise<Once<T>> {
  const fingerprint = createHash('sha256').update(JSON.stringify(request)).digest('hex');
  await forgetOldKeys(client);
  const claimed = await client.query(
    'insert into idempotency_keys (key, fingerprint) values ($1, $2) on conflict do nothing',
    [key, fingerprint],
  );
  if (claimed.rowCount === 0) {
    const { rows } = await client.query<{ fingerprint: string; response: T }>(
      'select fingerprint, response from idempotency_keys where key = $1',
      [key],
    );
    const [stored] = rows;
    if (stored?.fingerprint !== fingerprint) return { outcome: 'key-reused' };
    return { outcome: 'replayed', value: stored.response };
  }
  const value = await work();
  await client.query('update idempotency_keys set response = $2 where key = $1', [
    key,
    JSON.stringify(value),
  ]);
  return { outcome: 'done', value };
}

/** A few at a time, with every keyed request: the table stays small without a job of its own. */
async function forgetOldKeys(client: ClientBase): Promise<void> {
  await client.query(
    `delete from idempotency_keys where key in (
       select key from idempotency_keys where created_at < now() - interval '24 hours'
       order by created_at limit 10 for update skip locked)`,
  );
}
