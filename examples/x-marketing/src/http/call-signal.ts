import { deadlineGate, deadlineHeader } from '@fournines/timeout';
import type { FastifyReply } from 'fastify';

/** No caller's deadline is longer than the longest of our own. */
const MAX_MS = 60_000;

/** What came too late: at most a fifth of the requests is refused for it. `/health` shows how many. */
export const clientDeadlines = deadlineGate({ name: 'clients' });

/**
 * Aborts when the client goes away before it has its answer, and when the time that it allows is up:
 * it says so in `grpc-timeout`, `connect-timeout-ms` or `x-envoy-expected-rq-timeout-ms`.
 */
export function callSignal(reply: FastifyReply): AbortSignal {
  const client = new AbortController();
  const limit = deadlineHeader.accept(reply.request.headers, {
    max: MAX_MS,
    parent: client.signal,
    gate: clientDeadlines,
  });
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) client.abort();
    limit[Symbol.dispose]();
  });
  return limit.signal;
}
