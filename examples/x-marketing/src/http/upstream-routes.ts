import type { FastifyInstance } from 'fastify';
import type { Llm } from '../dependencies/llm.ts';
import type { XApi } from '../dependencies/x-api.ts';
import { callSignal } from './call-signal.ts';
import { sendAnswer } from './send-answer.ts';

const promptSchema = {
  type: 'object',
  required: ['prompt'],
  additionalProperties: false,
  properties: { prompt: { type: 'string', minLength: 1, maxLength: 4_000, pattern: '\\S' } },
} as const;

/** `/api/trends` and `/api/content/generate`. */
export function upstreamRoutes(app: FastifyInstance, xApi: XApi, llm: Llm): void {
  app.get('/api/trends', async (_request, reply) =>
    sendAnswer(reply, await xApi.trends(callSignal(reply))),
  );

  app.post<{ Body: { prompt: string } }>(
    '/api/content/generate',
    { schema: { body: promptSchema } },
    async (request, reply) =>
      sendAnswer(reply, await llm.generate(request.body.prompt, callSignal(reply))),
  );
}
