import { type TestDatabase, testDatabase } from '@fournines/test-services';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Run, runService } from './run-service.ts';
import { ask, endQuietly, prompting, setFault } from './upstream-faults.ts';

const GENERATE = '/api/content/generate';

let database: TestDatabase;
let run: Run;
let url: string;

beforeAll(async () => {
  database = await testDatabase();
  run = await runService({ DATABASE_URL: database.url, ENABLE_FALLBACKS: 'false' });
  url = await run.printed(/ready on (\S+)/);
}, 60_000);
afterAll(async () => {
  try {
    await endQuietly(run);
  } finally {
    await database.drop();
  }
}, 30_000);

it('makes an upstream’s 404 a 503 of its own', async () => {
  await setFault(run, 'x-api', { mode: 'error', status: 404, count: 1 });
  expect(await ask(`${url}/api/trends`)).toMatchObject({ status: 503 });
});

it('passes on how long the upstream asked to wait', async () => {
  await setFault(run, 'llm', { mode: 'rate-limit', retryAfter: 30, count: 1 });
  const { status, retryAfter } = await ask(`${url}${GENERATE}`, prompting('Launch'));
  expect(status).toBe(503);
  expect(retryAfter).toBeGreaterThanOrEqual(29);
  expect(retryAfter).toBeLessThanOrEqual(30);
});

it('answers a stream that cannot begin with a status, not with an event', async () => {
  await setFault(run, 'llm', { mode: 'rate-limit', retryAfter: 30, count: 1 });
  const response = await fetch(
    `${url}${GENERATE}`,
    prompting('Launch', { accept: 'text/event-stream' }),
  );
  expect(response.status).toBe(503);
  expect(response.headers.get('content-type')).toContain('application/problem+json');
});
