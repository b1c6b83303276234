import fastify, { type FastifyInstance } from 'fastify';
import { campaignRoutes } from './campaigns/routes.ts';
import type { Database } from './dependencies/database.ts';
import type { Llm } from './dependencies/llm.ts';
import type { XApi } from './dependencies/x-api.ts';
import { type Dependencies, type Phase, healthRoutes } from './health/routes.ts';
import { answerClientError } from './http/client-error.ts';
import { NotReadyError, answerFrameworkError, answerWithProblems } from './http/problem-handler.ts';
import { upstreamRoutes } from './http/upstream-routes.ts';

/** The HTTP side of the service. It listens before its dependencies are there, and says so. */
export function buildApp(
  phase: () => Phase,
  dependencies: () => Dependencies | undefined,
): FastifyInstance {
  const app = fastify({
    bodyLimit: 65_536,
    forceCloseConnections: 'idle',
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, allErrors: true } },
    logger: { level: 'error' },
    frameworkErrors: answerFrameworkError,
    clientErrorHandler: answerClientError,
    // A request has to arrive within this time, or is answered 408.
    requestTimeout: 5_000,
    http: { connectionsCheckingInterval: 1_000 },
  });
  const ready = (): Dependencies => {
    const known = dependencies();
    if (phase() === 'starting' || known === undefined)
      throw new NotReadyError('the service is starting');
    return known;
  };
  // Each call takes the dependency as it is at that moment.
  const database: Database = {
    get policies() {
      return ready().database.policies;
    },
    read: async (work, signal) => ready().database.read(work, signal),
    transaction: async (work, options) => ready().database.transaction(work, options),
    ping: async (signal) => ready().database.ping(signal),
    close: async () => ready().database.close(),
  };
  const xApi: XApi = {
    get policies() {
      return ready().xApi.policies;
    },
    trends: async (signal) => ready().xApi.trends(signal),
  };
  const llm: Llm = {
    get policies() {
      return ready().llm.policies;
    },
    generate: async (prompt, signal) => ready().llm.generate(prompt, signal),
    stream: (prompt, signal) => ready().llm.stream(prompt, signal),
  };
  answerWithProblems(app);
  healthRoutes(app, phase, dependencies);
  campaignRoutes(app, database);
  upstreamRoutes(app, xApi, llm);
  return app;
}
