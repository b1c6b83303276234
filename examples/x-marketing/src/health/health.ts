import type { Component } from '@fournines/core';
import type { Database } from '../dependencies/database.ts';
import type { Llm } from '../dependencies/llm.ts';
import type { XApi } from '../dependencies/x-api.ts';

/** How well the service does: 0 as it should; 1 an optional dependency is out; 2 two, or the database. */
export interface HealthReport {
  readonly status: 'up' | 'degraded';
  readonly level: 0 | 1 | 2;
  readonly dependencies: readonly DependencyHealth[];
}

/** One dependency: what its policies counted, and whether it is there. */
export interface DependencyHealth {
  readonly name: string;
  readonly critical: boolean;
  readonly status: 'up' | 'down';
  readonly policies: readonly { readonly kind: string; readonly name: string }[];
}

/** Looks at the dependencies: asks the database, reads the circuits of the others. */
export async function reportHealth(
  database: Database,
  xApi: XApi,
  llm: Llm,
): Promise<HealthReport> {
  const dependencies = [
    describe('database', true, database.components, await answers(database)),
    describe('x-api', false, xApi.components, isClosed(xApi.components)),
    describe('llm', false, llm.components, isClosed(llm.components)),
  ];
  const out = dependencies.filter(({ status }) => status === 'down');
  const level = levelOf(out);
  return { status: level === 0 ? 'up' : 'degraded', level, dependencies };
}

function levelOf(out: readonly DependencyHealth[]): HealthReport['level'] {
  if (out.length >= 2 || out.some(({ critical }) => critical)) return 2;
  return out.length === 1 ? 1 : 0;
}

async function answers(database: Database): Promise<boolean> {
  try {
    await database.read((client) => client.query('select 1'));
    return true;
  } catch {
    return false;
  }
}

function isClosed(components: readonly Component[]): boolean {
  return components.every((component) => component.snapshot().status !== 'down');
}

function describe(
  name: string,
  critical: boolean,
  components: readonly Component[],
  isUp: boolean,
): DependencyHealth {
  const policies = components.map((component) => ({
    kind: component.kind,
    name: component.name,
    ...component.snapshot(),
  }));
  return { name, critical, status: isUp ? 'up' : 'down', policies };
}
