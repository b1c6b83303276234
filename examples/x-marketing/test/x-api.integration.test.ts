import { type TestDatabase, testDatabase } from '@fournines/test-services';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Run, eventually, runService } from './run-service.ts';
import { PASSING_FAULTS, ask, endQuietly, healthOf, setFault } from './upstream-faults.ts';

let database: TestDatabase;
let run: Run;
let url: string;

beforeAll(async () => {
  database = await testDatabase();
  run = await runService({ DATABASE_URL: database.url });
  url = await run.printed(/ready on (\S+)/);
}, 60_000);
afterAll(async () => {
  try {
    await endQuietly(run);
  } finally {
    await database.drop();
  }
}, 30_000);

/** The state of the circuit in front of the X API. */
async function circuit(): Promise<string | undefined> {
  const policies = (await healthOf(url)).dependencies['xApi']?.policies ?? [];
  return policies.find(({ kind }) => kind === 'circuit-breaker')?.state;
}

it('shows every policy of its upstreams, the circuits inside of the fetches too', async () => {
  const { dependencies } = await healthOf(url);
  const named = (name: string): string[] =>
    (dependencies[name]?.policies ?? []).map((policy) => `${policy.kind} ${policy.name}`);
  expect(named('xApi')).toEqual([
    'fallback x-api-fallback',
    'timeout x-api-total',
    'retry x-api',
    'circuit-breaker x-api',
    'timeout x-api-attempt',
  ]);
  expect(named('llm')).toEqual([
    'fallback llm-fallback',
    'timeout llm-total',
    'retry llm',
    'circuit-breaker llm',
    'timeout llm-attempt',
    'timeout llm-stream-total',
    'retry llm-stream',
    'timeout llm-stream-attempt',
  ]);
  expect(await circuit()).toBe('closed');
});

it.each(PASSING_FAULTS)('hides one $mode by asking again', async (fault) => {
  await setFault(run, 'x-api', { ...fault, count: 1 });
  expect(await ask(`${url}/api/trends`)).toMatchObject({ status: 200, state: undefined });
  // Good answers between the failures, so that half of them does not open the circuit.
  for (const _ of [1, 2]) expect((await ask(`${url}/api/trends`)).state).toBeUndefined();
});

it('waits for headers that are only slow', async () => {
  await setFault(run, 'x-api', { mode: 'slow', delayMs: 700, count: 1 });
  const { state, ms } = await ask(`${url}/api/trends`);
  expect(state).toBeUndefined();
  expect(ms).toBeGreaterThanOrEqual(700);
});

it.each(['rate-limit', 'error'])('waits as long as a Retry-After of %s asks', async (mode) => {
  await setFault(run, 'x-api', { mode, status: 503, retryAfter: 1, count: 1 });
  const { state, ms } = await ask(`${url}/api/trends`);
  expect(state).toBeUndefined();
  expect(ms).toBeGreaterThanOrEqual(1_000);
});

it('answers at once with a stand-in when Retry-After asks for more than a caller can bear', async () => {
  await setFault(run, 'x-api', { mode: 'rate-limit', retryAfter: 30, count: 1 });
  const { status, state, reason, ms } = await ask(`${url}/api/trends`);
  expect({ status, state, reason }).toEqual({
    status: 200,
    state: 'fallback',
    reason: 'rate-limit',
  });
  expect(ms).toBeLessThan(1_000);
});

it('answers in its time while the body hangs, then at once; and asks again when it is well', async () => {
  await setFault(run, 'x-api', { mode: 'slow-body', delayMs: 60_000 });
  const first = await ask(`${url}/api/trends`);
  expect(first).toMatchObject({ status: 200, state: 'fallback', reason: 'timeout' });
  expect(first.ms).toBeLessThan(5_000);
  await setFault(run, 'x-api', { mode: 'cut' });
  await eventually(async () => {
    await ask(`${url}/api/trends`);
    expect(await circuit()).toBe('open');
  });
  const refused = await Promise.all(Array.from({ length: 50 }, () => ask(`${url}/api/trends`)));
  expect(new Set(refused.map(({ status, state }) => `${status} ${state}`))).toEqual(
    new Set(['200 fallback']),
  );
  expect(Math.min(...refused.map(({ ms }) => ms))).toBeLessThan(500);
  expect(await healthOf(url)).toMatchObject({ level: 1 });
  await setFault(run, 'x-api', { mode: 'ok' });
  await eventually(async () => expect((await ask(`${url}/api/trends`)).state).toBeUndefined());
  await eventually(async () => {
    await ask(`${url}/api/trends`);
    expect(await circuit()).toBe('closed');
  });
}, 40_000);
