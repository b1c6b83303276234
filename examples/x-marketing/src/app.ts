import { NotFoundError } from '@fournines/error-classification';
import Fastify, { type FastifyInstance } from 'fastify';
import { campaignsIn } from './campaigns/campaigns.ts';
import type { Database } from './dependencies/database.ts';
import type { Llm } from './dependencies/llm.ts';
import type { XApi } from './dependencies/x-api.ts';
import { healthRoutes } from './health/health-routes.ts';
import { reportHealth } from './health/health.ts';
import { campaignRoutes } from './http/campaign-routes.ts';
import { dependencyRoutes } from './http/dependency-routes.ts';
import { handleError } from './http/error-handler.ts';

/** What the service depends on. */
export interface Dependencies {
  readonly database: Database;
  readonly xApi: XApi;
  readonly llm: Llm;
}

/** The service's routes on its dependencies. */
export function buildApp({ database, xApi, llm }: Dependencies): FastifyInstance {
  const app = Fastify({ logger: { level: 'fatal' }, forceCloseConnections: 'idle' });
  let isDraining = false;
  app.setErrorHandler(handleError);
  app.setNotFoundHandler((request) => {
    throw new NotFoundError(`There is no ${request.method} ${request.url.split('?')[0]}`);
  });
  app.addHook('preClose', async () => {
    isDraining = true;
  });
  campaignRoutes(app, campaignsIn(database));
  dependencyRoutes(app, xApi, llm);
  healthRoutes(
    app,
    () => reportHealth(database, xApi, llm),
    () => isDraining,
  );
  return app;
}
