import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import type { Answer } from '../dependencies/answer.ts';
import { problemOf } from './problem-handler.ts';

/** Sends an answer; one that is not the dependency's own says so in its headers too (RFC 9211). */
export function sendAnswer(reply: FastifyReply, answer: Answer<unknown>): FastifyReply {
  return markStandIn(reply, answer).send(answer);
}

/**
 * Sends answers as server-sent events, each as soon as it is there. A failure before the first is
 * thrown; a later one becomes an event `error` with the problem that it would have been.
 */
export async function sendStream(
  reply: FastifyReply,
  answers: AsyncIterable<Answer<unknown>>,
): Promise<FastifyReply> {
  const iterator = answers[Symbol.asyncIterator]();
  const first = await iterator.next();
  reply.header('cache-control', 'no-store').type('text/event-stream');
  if (first.done !== true) markStandIn(reply, first.value);
  return reply.send(Readable.from(events(first, iterator)));
}

async function* events(
  first: IteratorResult<Answer<unknown>>,
  iterator: AsyncIterator<Answer<unknown>>,
): AsyncGenerator<string, void> {
  try {
    for (let next = first; next.done !== true; next = await iterator.next()) {
      yield `data: ${JSON.stringify(next.value)}\n\n`;
    }
  } catch (error) {
    yield `event: error\ndata: ${JSON.stringify(problemOf(error).problem)}\n\n`;
  } finally {
    // Whoever listened may have left: then nobody needs the rest.
    await iterator.return?.();
  }
}

function markStandIn(reply: FastifyReply, { meta }: Answer<unknown>): FastifyReply {
  if (meta === undefined) return reply;
  return reply
    .header('cache-status', `x-marketing; fwd=miss; detail=fallback-${meta.reason}`)
    .header('age', Math.floor(meta.ageMs / 1_000))
    .header('cache-control', 'no-store');
}
