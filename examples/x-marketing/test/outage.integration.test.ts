import { type PostgresServer, startPostgres } from '@fournines/test-services';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Run, eventually, runService } from './run-service.ts';

let postgres: PostgresServer;
let run: Run;
let url: string;

beforeAll(async () => {
  postgres = await startPostgres();
  run = await runService({ DATABASE_URL: postgres.url });
  url = await run.printed(/ready on (\S+)/);
}, 60_000);
afterAll(async () => {
  await run.cleanUp();
  await postgres.stop();
}, 30_000);

interface Refusal {
  readonly status: number;
  readonly retryAfter: string | null;
  readonly ms: number;
}

async function ask(): Promise<Refusal> {
  const began = performance.now();
  const response = await fetch(`${url}/api/campaigns?limit=2`);
  await response.text();
  const retryAfter = response.headers.get('retry-after');
  return { status: response.status, retryAfter, ms: performance.now() - began };
}

/** What `/health` says of the circuit in front of the database. */
async function circuitState(): Promise<unknown> {
  const body = (await (await fetch(`${url}/health`)).json()) as {
    dependencies: { database: { policies: { kind: string; state?: string }[] } };
  };
  const { policies } = body.dependencies.database;
  return policies.find(({ kind }) => kind === 'circuit-breaker')?.state;
}

it('opens the circuit while PostgreSQL is away, refuses with a time to come back, and closes it by itself', async () => {
  expect((await ask()).status).toBe(200);
  await postgres.kill();
  await eventually(async () => expect(await circuitState()).toBe('open'));
  const refusals = await Promise.all(Array.from({ length: 50 }, ask));
  expect(new Set(refusals.map(({ status }) => status))).toEqual(new Set([503]));
  expect(refusals.every(({ retryAfter }) => Number(retryAfter) >= 1)).toBe(true);
  expect((await fetch(`${url}/health/live`)).status).toBe(200);
  expect(await (await fetch(`${url}/health`)).json()).toMatchObject({ level: 2 });
  await postgres.restart();
  await eventually(async () => expect((await ask()).status).toBe(200));
  await eventually(async () => expect(await circuitState()).toBe('closed'));
}, 60_000);

it('answers within its time while PostgreSQL hangs, and serves again when it goes on', async () => {
  postgres.hang();
  try {
    const first = await ask();
    expect(first.status).toBeGreaterThanOrEqual(503);
    // The total timeout of the database's policies is 2.5 s.
    expect(first.ms).toBeLessThan(5_000);
    await eventually(async () => expect(await circuitState()).toBe('open'));
    // Nobody waits for an open circuit: not even for its next probe.
    const refusals = await Promise.all(Array.from({ length: 50 }, ask));
    expect(Math.min(...refusals.map(({ ms }) => ms))).toBeLessThan(500);
    expect(new Set(refusals.map(({ status }) => status))).toEqual(new Set([503]));
  } finally {
    postgres.resume();
  }
  await eventually(async () => expect((await ask()).status).toBe(200));
}, 60_000);
