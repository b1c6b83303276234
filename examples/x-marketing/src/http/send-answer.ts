import type { FastifyReply } from 'fastify';
import type { Answer } from '../dependencies/answer.ts';

/** Sends an answer; one that is not the dependency's own says so in its headers too (RFC 9211). */
export function sendAnswer(reply: FastifyReply, answer: Answer<unknown>): FastifyReply {
  if (answer.meta === undefined) return reply.send(answer);
  const { ageMs, reason } = answer.meta;
  return reply
    .header('cache-status', `x-marketing; fwd=miss; detail=fallback-${reason}`)
    .header('age', Math.floor(ageMs / 1_000))
    .header('cache-control', 'no-store')
    .send(answer);
}
