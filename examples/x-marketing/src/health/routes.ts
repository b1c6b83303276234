import { type Component, worstStatus } from '@fournines/core';
import type { FastifyInstance } from 'fastify';
import type { Database } from '../dependencies/database.ts';
import type { Llm } from '../dependencies/llm.ts';
import type { XApi } from '../dependencies/x-api.ts';
import { clientDeadlines } from '../http/call-signal.ts';
import { healthLevel } from './level.ts';

/** What the service is doing. */
export type Phase = 'starting' | 'ready' | 'draining';

/** The dependencies, there once the start has got that far. */
export interface Dependencies {
  readonly database: Database;
  readonly xApi: XApi;
  readonly llm: Llm;
}

/** `/health`, `/health/live` and `/health/ready`. */
export function healthRoutes(
  app: FastifyInstance,
  phase: () => Phase,
  dependencies: () => Dependencies | undefined,
): void {
  app.get('/health/live', () => ({ status: 'up' }));

  // A dependency that all instances share does not unready this one: that would take them all away.
  app.get('/health/ready', (_request, reply) =>
    reply.code(phase() === 'ready' ? 200 : 503).send({ status: phase() }),
  );

  app.get('/health', async (_request, reply) => {
    const known = dependencies();
    const report = known === undefined ? {} : await describe(known);
    const level = healthLevel(phase() === 'ready', Object.values(report));
    return reply
      .code(level === 3 ? 503 : 200)
      .header('cache-control', 'no-store')
      .send({
        status: ['up', 'degraded', 'degraded', 'down'][level],
        level,
        phase: phase(),
        deadlines: clientDeadlines.snapshot().counts,
        dependencies: report,
      });
  });
}

async function describe({ database, xApi, llm }: Dependencies) {
  const answers = await database.ping().then(
    () => true,
    () => false,
  );
  return {
    database: {
      ...summary(database.policies),
      status: answers ? ('up' as const) : ('down' as const),
      critical: true,
    },
    xApi: { ...summary(xApi.policies), critical: false },
    llm: { ...summary(llm.policies), critical: false },
  };
}

function summary(components: readonly Component[]) {
  // Two fetches may share a circuit.
  const policies = [...new Set(components.flatMap(leaves))].map((policy) => {
    const { status, state, counts } = policy.snapshot();
    return {
      kind: policy.kind,
      name: policy.name,
      status,
      ...(state !== undefined && { state }),
      counts,
    };
  });
  return { status: worstStatus(components), policies };
}

/** What a component is made of, down to what has no parts: the breakers inside of a fetch. */
function leaves(component: Component): readonly Component[] {
  const parts = component.parts?.();
  return parts === undefined ? [component] : [...parts].flatMap(leaves);
}
