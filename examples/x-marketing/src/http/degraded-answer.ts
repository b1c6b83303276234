import type { FastifyReply } from 'fastify';
import type { Answer } from '../dependencies/answer.ts';

/** Sends an answer; one that stands in says so, in the body and in `Cache-Status` (RFC 9211). */
export function sendAnswer<T>(reply: FastifyReply, answer: Answer<T>): FastifyReply {
  const { meta } = answer;
  if (meta !== undefined) {
    const detail = `${meta.state}; ${meta.reason}`;
    reply.header('cache-status', `x-marketing; fwd=miss; detail="${detail}"`);
    reply.header('age', String(Math.round(meta.ageMs / 1_000)));
  }
  return reply.send(answer);
}
