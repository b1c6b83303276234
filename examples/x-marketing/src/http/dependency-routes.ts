import type { FastifyInstance } from 'fastify';
import type { Llm } from '../dependencies/llm.ts';
import type { XApi } from '../dependencies/x-api.ts';
import { callerSignal } from './caller-signal.ts';
import { sendAnswer } from './degraded-answer.ts';

const GENERATE = {
  body: {
    type: 'object',
    additionalProperties: false,
    required: ['prompt'],
    properties: { prompt: { type: 'string', minLength: 1, maxLength: 2_000, pattern: '\\S' } },
  },
} as const;

/** `GET /api/trends` and `POST /api/content/generate`. */
export function dependencyRoutes(app: FastifyInstance, xApi: XApi, llm: Llm): void {
  app.get('/api/trends', async (request, reply) =>
    sendAnswer(reply, await xApi.trends(callerSignal(request))),
  );

  app.post<{ Body: { prompt: string } }>(
    '/api/content/generate',
    { schema: GENERATE },
    async (request, reply) =>
      sendAnswer(reply, await llm.draft(request.body.prompt, callerSignal(request))),
  );
}
