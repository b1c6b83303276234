import { createHash } from 'node:crypto';
import { NotFoundError, ValidationError } from '@fournines/error-classification';
import type { ClientBase } from 'pg';
import type { Database } from '../dependencies/database.ts';
import { KeyReusedError } from './key-reused-error.ts';
import type { Campaign, CampaignPage, NewCampaign } from './campaign.ts';
import { decodeCursor, encodeCursor } from './cursor.ts';

/** The campaigns in the database. */
export interface Campaigns {
  /** A page, newest first. Throws ValidationError for a cursor that is none. */
  list(limit: number, cursor: string | undefined): Promise<CampaignPage>;
  /** Throws NotFoundError when there is none. */
  find(id: string): Promise<Campaign>;
  /** Makes one. The same key gives the same campaign once; with other content it throws KeyReusedError. */
  create(campaign: NewCampaign, key: string | undefined): Promise<Campaign>;
}

interface Row {
  readonly id: string;
  readonly name: string;
  readonly budget_cents: string;
  readonly starts_at: Date | null;
  readonly ends_at: Date | null;
  readonly created_at: Date;
}

/** The campaigns of a database. */
export function campaignsIn(database: Database): Campaigns {
  return {
    list(limit, cursorText) {
      const cursor = cursorText === undefined ? undefined : decodeCursor(cursorText);
      if (cursorText !== undefined && cursor === undefined) {
        return Promise.reject(new ValidationError('cursor is not one that this service gave out'));
      }
      return database.read(async (client) => {
        const { rows } = await client.query<Row>(
          `select * from campaigns
           where $1::timestamptz is null or (created_at, id) < ($1, $2::uuid)
           order by created_at desc, id desc limit $3`,
          [cursor?.createdAt ?? null, cursor?.id ?? null, limit + 1],
        );
        const data = rows.slice(0, limit).map(toCampaign);
        const last = data.at(-1);
        const hasMore = rows.length > limit && last !== undefined;
        return { data, nextCursor: hasMore ? encodeCursor(last) : null };
      });
    },

    find: (id) =>
      database.read(async (client) => {
        const { rows } = await client.query<Row>('select * from campaigns where id = $1', [id]);
        const [row] = rows;
        if (row === undefined) throw new NotFoundError(`There is no campaign ${id}`);
        return toCampaign(row);
      }),

    create(campaign, key) {
      if (key === undefined) return database.transaction((client) => insert(client, campaign));
      return database.transaction((client) => insertOnce(client, campaign, key), {
        idempotent: true,
      });
    },
  };
}

async function insert(client: ClientBase, campaign: NewCampaign): Promise<Campaign> {
  const { rows } = await client.query<Row>(
    `insert into campaigns (name, budget_cents, starts_at, ends_at)
     values ($1, $2, $3, $4) returning *`,
    [campaign.name, campaign.budgetCents, campaign.startsAt ?? null, campaign.endsAt ?? null],
  );
  const [row] = rows;
  if (row === undefined) throw new Error('insert returned no row');
  return toCampaign(row);
}

/** The key is claimed in the same transaction: whoever comes second waits, then reads the first answer. */
async function insertOnce(
  client: ClientBase,
  campaign: NewCampaign,
  key: string,
): Promise<Campaign> {
  const fingerprint = createHash('sha256').update(JSON.stringify(campaign)).digest('hex');
  const claimed = await client.query(
    'insert into idempotency_keys (key, fingerprint) values ($1, $2) on conflict do nothing',
    [key, fingerprint],
  );
  if (claimed.rowCount === 1) {
    const created = await insert(client, campaign);
    await client.query('update idempotency_keys set response = $2 where key = $1', [key, created]);
    return created;
  }
  const { rows } = await client.query<{ fingerprint: string; response: Campaign }>(
    'select fingerprint, response from idempotency_keys where key = $1',
    [key],
  );
  const [first] = rows;
  if (first === undefined) throw new Error('a claimed idempotency key is gone');
  if (first.fingerprint !== fingerprint) throw new KeyReusedError();
  return first.response;
}

function toCampaign(row: Row): Campaign {
  return {
    id: row.id,
    name: row.name,
    budgetCents: Number(row.budget_cents),
    startsAt: row.starts_at?.toISOString() ?? null,
    endsAt: row.ends_at?.toISOString() ?? null,
    createdAt: row.created_at.toISOString(),
  };
}
