import type { ClientBase } from 'pg';
import type { Campaign, NewCampaign } from './campaign.ts';
import { type Cursor, encodeCursor } from './cursor.ts';

/** A page of campaigns, newest first. */
export interface CampaignPage {
  readonly data: readonly Campaign[];
  /** Where the next page begins; null on the last one. */
  readonly nextCursor: string | null;
}

interface Row {
  readonly id: string;
  readonly name: string;
  /** A bigint; the schema keeps it within JavaScript's whole numbers. */
  readonly budget_cents: string;
  readonly starts_at: Date | null;
  readonly ends_at: Date | null;
  readonly created_at: Date;
}

const COLUMNS = 'id, name, budget_cents, starts_at, ends_at, created_at';

/** Reads a page: keyset pagination, so that new campaigns neither shift nor repeat rows. */
export async function listCampaigns(
  client: ClientBase,
  limit: number,
  after: Cursor | undefined,
): Promise<CampaignPage> {
  // One row more than asked for tells whether there is a next page.
  const { rows } = await client.query<Row>(
    `select ${COLUMNS} from campaigns
     where $2::timestamptz is null or (created_at, id) < ($2, $3::uuid)
     order by created_at desc, id desc limit $1`,
    [limit + 1, after?.createdAt ?? null, after?.id ?? null],
  );
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  const hasMore = rows.length > limit && last !== undefined;
  return {
    data: page.map(toCampaign),
    nextCursor: hasMore ? encodeCursor({ createdAt: last.created_at, id: last.id }) : null,
  };
}

/** Reads one campaign. */
export async function findCampaign(client: ClientBase, id: string): Promise<Campaign | undefined> {
  const { rows } = await client.query<Row>(`select ${COLUMNS} from campaigns where id = $1`, [id]);
  return rows[0] && toCampaign(rows[0]);
}

/** Writes a new campaign. */
export async function insertCampaign(client: ClientBase, campaign: NewCampaign): Promise<Campaign> {
  const { rows } = await client.query<Row>(
    `insert into campaigns (name, budget_cents, starts_at, ends_at)
     values ($1, $2, $3, $4) returning ${COLUMNS}`,
    [campaign.name, campaign.budgetCents, campaign.startsAt ?? null, campaign.endsAt ?? null],
  );
  const [row] = rows;
  if (row === undefined) throw new Error('insert into campaigns returned no row');
  return toCampaign(row);
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
