import type { ClientBase } from 'pg';

const SAMPLES = [
  ['Spring launch', 2_500_000, '2026-03-01T08:00:00Z', '2026-05-31T22:00:00Z'],
  ['Developer week', 900_000, '2026-06-08T08:00:00Z', '2026-06-14T22:00:00Z'],
  ['Back to school', 1_750_000, '2026-08-10T08:00:00Z', '2026-09-20T22:00:00Z'],
  ['Release day countdown', 400_000, '2026-10-01T08:00:00Z', '2026-10-15T22:00:00Z'],
  ['Year in review', 1_200_000, '2026-12-01T08:00:00Z', null],
  ['Always-on brand', 5_000_000, null, null],
] as const;

/** Fills an empty table with sample campaigns. Returns how many it wrote. */
export async function seed(client: ClientBase): Promise<number> {
  await client.query('begin');
  try {
    // The lock keeps two instances that start together from both finding the table empty.
    await client.query('lock table campaigns in share row exclusive mode');
    const { rows } = await client.query<{ empty: boolean }>(
      'select not exists (select from campaigns) as empty',
    );
    const samples = rows[0]?.empty === true ? SAMPLES : [];
    for (const sample of samples) {
      await client.query(
        'insert into campaigns (name, budget_cents, starts_at, ends_at) values ($1, $2, $3, $4)',
        [...sample],
      );
    }
    await client.query('commit');
    return samples.length;
  } catch (error) {
    await client.query('rollback');
    throw error;
  }
}
