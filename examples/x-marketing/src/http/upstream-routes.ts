import type { FastifyInstance } from 'fastify';
import type { Llm } from '../dependencies/llm.ts';
import type { XApi } from '../dependencies/x-api.ts';
import { callSignal } from './call-signal.ts';
import { sendAnswer, sendStream } from './send-answer.ts';

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
    async (request, reply) => {
      const { prompt } = request.body;
      const signal = callSignal(reply);
      const wantsStream = request.headers.accept?.includes('text/event-stream') === true;
      if (wantsStream) return sendStream(reply, llm.stream(prompt, signal));
      return sendAnswer(reply, await llm.generate(prompt, signal));
    },
  );
}
