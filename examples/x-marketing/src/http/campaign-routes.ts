import type { FastifyInstance } from 'fastify';
import type { NewCampaign } from '../campaigns/campaign.ts';
import type { Campaigns } from '../campaigns/campaigns.ts';

const LIST = {
  querystring: {
    type: 'object',
    additionalProperties: false,
    properties: {
      limit: { type: 'integer', minimum: 1, maximum: 100, default: 20 },
      cursor: { type: 'string', minLength: 1, maxLength: 200 },
    },
  },
} as const;

const FIND = {
  params: { type: 'object', properties: { id: { type: 'string', format: 'uuid' } } },
} as const;

const CREATE = {
  headers: {
    type: 'object',
    properties: { 'idempotency-key': { type: 'string', minLength: 1, maxLength: 200 } },
  },
  body: {
    type: 'object',
    additionalProperties: false,
    required: ['name', 'budgetCents'],
    properties: {
      name: { type: 'string', minLength: 1, maxLength: 200, pattern: '\\S' },
      budgetCents: { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER },
      startsAt: { type: 'string', format: 'date-time' },
      endsAt: { type: 'string', format: 'date-time' },
    },
  },
} as const;

/** `GET` and `POST /api/campaigns`, `GET /api/campaigns/:id`. */
export function campaignRoutes(app: FastifyInstance, campaigns: Campaigns): void {
  app.get<{ Querystring: { limit: number; cursor?: string } }>(
    '/api/campaigns',
    { schema: LIST },
    ({ query }) => campaigns.list(query.limit, query.cursor),
  );

  app.get<{ Params: { id: string } }>(
    '/api/campaigns/:id',
    { schema: FIND },
    async ({ params }) => ({ data: await campaigns.find(params.id) }),
  );

  app.post<{ Body: NewCampaign; Headers: { 'idempotency-key'?: string } }>(
    '/api/campaigns',
    { schema: CREATE },
    async ({ body, headers }, reply) => {
      const data = await campaigns.create(body, headers['idempotency-key']);
      return reply.code(201).header('location', `/api/campaigns/${data.id}`).send({ data });
    },
  );
}
