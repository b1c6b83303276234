import type { FastifyInstance } from 'fastify';
import type { HealthReport } from './health.ts';

/** `GET /health/live`, `/health/ready` and `/health`. */
export function healthRoutes(
  app: FastifyInstance,
  report: () => Promise<HealthReport>,
  isDraining: () => boolean,
): void {
  app.addHook('onRequest', async (request, reply) => {
    if (request.url.startsWith('/health')) reply.header('cache-control', 'no-store');
  });
  // The process answers: that is all that a restart could mend.
  app.get('/health/live', () => ({ status: 'up' }));
  // A shared dependency that is gone takes no instance out of the rotation: all would go at once.
  app.get('/health/ready', (_request, reply) =>
    isDraining() ? reply.code(503).send({ status: 'draining' }) : reply.send({ status: 'up' }),
  );
  app.get('/health', report);
}
