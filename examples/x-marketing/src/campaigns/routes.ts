import type { FastifyInstance } from 'fastify';
import type { Database } from '../dependencies/database.ts';
import { callSignal } from '../http/call-signal.ts';
import { RequestError } from '../http/problem-handler.ts';
import { type NewCampaign, newCampaignSchema } from './campaign.ts';
import { findCampaign, insertCampaign, listCampaigns } from './campaign-store.ts';
import { type Cursor, decodeCursor, isUuid } from './cursor.ts';
import { type Once, once } from './once.ts';

/** `/api/campaigns`. */
export function campaignRoutes(app: FastifyInstance, database: Database): void {
  app.get<{ Querystring: Record<string, unknown> }>('/api/campaigns', async (request, reply) => {
    const limit = readLimit(request.query['limit']);
    const cursor = readCursor(request.query['cursor']);
    return database.read((client) => listCampaigns(client, limit, cursor), callSignal(reply));
  });

  app.get<{ Params: { id: string } }>('/api/campaigns/:id', async (request, reply) => {
    const id = request.params.id.toLowerCase();
    const found = isUuid(id)
      ? await database.read((client) => findCampaign(client, id), callSignal(reply))
      : undefined;
    if (found === undefined) throw new RequestError(404, 'there is no such campaign');
    return { data: found };
  });

  app.post<{ Body: NewCampaign }>(
    '/api/campaigns',
    { schema: { body: newCampaignSchema } },
    async (request, reply) => {
      const campaign = withDates(request.body);
      const key = readKey(request.headers['idempotency-key']);
      const signal = callSignal(reply);
      const result: Once<Awaited<ReturnType<typeof insertCampaign>>> = await database.transaction(
        async (client) => {
          const insert = () => insertCampaign(client, campaign);
          if (key === undefined) return { outcome: 'done', value: await insert() };
          const { name, budgetCents, startsAt, endsAt } = campaign;
          return once(client, key, [name, budgetCents, startsAt ?? null, endsAt ?? null], insert);
        },
        // With a key a repetition finds what the first try wrote.
        { idempotent: key !== undefined, signal },
      );
      if (result.outcome === 'key-reused') {
        throw new RequestError(422, 'this Idempotency-Key was used for another request');
      }
      reply.code(201).header('location', `/api/campaigns/${result.value.id}`);
      if (result.outcome === 'replayed') reply.header('idempotency-replayed', 'true');
      return { data: result.value };
    },
  );
}

function readLimit(value: unknown): number {
  if (value === undefined) return 20;
  const limit = typeof value === 'string' && /^\d{1,3}$/.test(value) ? Number(value) : 0;
  if (limit >= 1 && limit <= 100) return limit;
  const detail = 'must be a whole number from 1 to 100';
  throw new RequestError(400, `limit ${detail}`, [{ parameter: 'limit', detail }]);
}

function readCursor(value: unknown): Cursor | undefined {
  if (value === undefined) return undefined;
  const cursor = typeof value === 'string' ? decodeCursor(value) : undefined;
  if (cursor !== undefined) return cursor;
  const detail = 'must be a nextCursor of an earlier answer';
  throw new RequestError(400, `cursor ${detail}`, [{ parameter: 'cursor', detail }]);
}

function readKey(value: string | string[] | undefined): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'string' && /^[\x21-\x7e]{1,200}$/.test(value)) return value;
  throw new RequestError(400, 'Idempotency-Key must be 1 to 200 printable ASCII characters');
}

/** The campaign with its dates in one form. PostgreSQL and JavaScript do not read the same ones. */
function withDates(campaign: NewCampaign): NewCampaign {
  const startsAt = readDate('startsAt', campaign.startsAt);
  const endsAt = readDate('endsAt', campaign.endsAt);
  if (startsAt !== undefined && endsAt !== undefined && endsAt <= startsAt) {
    const detail = 'must be later than startsAt';
    throw new RequestError(422, `endsAt ${detail}`, [{ pointer: '#/endsAt', detail }]);
  }
  return {
    ...campaign,
    ...(startsAt !== undefined && { startsAt }),
    ...(endsAt !== undefined && { endsAt }),
  };
}

function readDate(member: 'startsAt' | 'endsAt', value: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  const date = new Date(value);
  const year = date.getUTCFullYear();
  if (year >= 1 && year <= 9_999) return date.toISOString();
  const detail = 'must be a moment of the years 1 to 9999';
  throw new RequestError(400, `${member} ${detail}`, [{ pointer: `#/${member}`, detail }]);
}
