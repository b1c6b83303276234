import type { FastifyRequest } from 'fastify';

/** Aborted when the client is gone before it has its answer. */
export function callerSignal(request: FastifyRequest): AbortSignal {
  const controller = new AbortController();
  request.raw.socket.once('close', () => {
    controller.abort(new DOMException('The client closed the connection', 'AbortError'));
  });
  return controller.signal;
}
