import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isRunning } from '../src/postgres/os-process.ts';
import { type Run, eventually, runService } from './run-service.ts';

let run: Run;
let url: string;

beforeAll(async () => {
  run = await runService();
  url = await run.printed(/ready on (\S+)/);
}, 60_000);
afterAll(() => run.cleanUp(), 30_000);

/** The fields of all answers that a test looks at. */
interface Body<T> {
  readonly data: T;
  readonly nextCursor: string | null;
  readonly meta?: { readonly state: string };
  readonly errors: readonly { readonly pointer: string }[];
}

async function bodyOf<T = unknown>(response: Response | Promise<Response>): Promise<Body<T>> {
  return (await (await response).json()) as Body<T>;
}

const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });

async function setFault(server: 'x-api' | 'llm', fault: unknown): Promise<void> {
  const target = await run.printed(new RegExp(`${server}-server.ts: (\\S+)`));
  const response = await fetch(`${target}/__faults`, {
    method: 'POST',
    body: JSON.stringify(fault),
  });
  expect(response.status).toBe(200);
}

describe('campaigns', () => {
  it('pages through all of them, newest first, each once', async () => {
    const names: string[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const response = await fetch(`${url}/api/campaigns?limit=4${cursor && `&cursor=${cursor}`}`);
      const page: Body<{ name: string }[]> = await bodyOf(response);
      names.push(...page.data.map(({ name }) => name));
      cursor = page.nextCursor;
    }
    expect(names).toContain('Spring launch');
    expect(new Set(names).size).toBe(names.length);
    expect(names.length).toBeGreaterThanOrEqual(6);
  });

  it('creates one that can then be read at its Location', async () => {
    const created = await post('/api/campaigns', { name: 'Fresh', budgetCents: 12_345 });
    expect(created.status).toBe(201);
    const { data } = await bodyOf(created);
    const read = await fetch(url + String(created.headers.get('location')));
    expect(await read.json()).toEqual({ data });
  });

  it('writes once for one Idempotency-Key, however often it is sent at once', async () => {
    const body = { name: 'Only once', budgetCents: 1 };
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => post('/api/campaigns', body, { 'idempotency-key': 'k-1' })),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(201));
    const texts = new Set(await Promise.all(answers.map((answer) => answer.text())));
    expect(texts.size).toBe(1);
    const other = await post(
      '/api/campaigns',
      { ...body, budgetCents: 2 },
      { 'idempotency-key': 'k-1' },
    );
    expect(other.status).toBe(422);
  });

  it('points at what is wrong with a request', async () => {
    const invalid = await post('/api/campaigns', { name: ' ', budgetCents: '5' });
    expect(invalid.status).toBe(400);
    expect(invalid.headers.get('content-type')).toContain('application/problem+json');
    const pointers = (await bodyOf(invalid)).errors.map(({ pointer }) => pointer);
    expect(pointers.toSorted()).toEqual(['#/budgetCents', '#/name']);
    const dates = { startsAt: '2026-02-01T00:00:00Z', endsAt: '2026-01-01T00:00:00Z' };
    expect((await post('/api/campaigns', { name: 'a', budgetCents: 1, ...dates })).status).toBe(
      422,
    );
    expect((await fetch(`${url}/api/campaigns?limit=0`)).status).toBe(400);
    expect((await fetch(`${url}/api/campaigns?cursor=x`)).status).toBe(400);
    expect((await fetch(`${url}/api/campaigns/unknown`)).status).toBe(404);
  });
});

it('answers headers without end with a problem too', async () => {
  const long = await fetch(`${url}/${'x'.repeat(20_000)}`);
  expect(long.status).toBe(431);
  expect(long.headers.get('content-type')).toBe('application/problem+json');
});

it.each(['2016-12-31T23:59:60Z', '0000-01-01T00:00:00Z'])(
  'refuses the date %s',
  async (startsAt) => {
    const response = await post('/api/campaigns', { name: 'Odd', budgetCents: 1, startsAt });
    expect(response.status).toBe(400);
    expect((await bodyOf(response)).errors[0]?.pointer).toBe('#/startsAt');
  },
);

it('an upstream’s 404 is the upstream’s failure, not the client’s', async () => {
  await setFault('x-api', { mode: 'error', status: 404, count: 1 });
  const response = await fetch(`${url}/api/trends`);
  expect(response.status).toBe(200);
  expect((await bodyOf(response)).meta?.state).toBe('fallback');
});

it('answers a URL that cannot be read with a problem too', async () => {
  const response = await fetch(`${url}/%ff`);
  expect(response.status).toBe(400);
  expect(response.headers.get('content-type')).toContain('application/problem+json');
});

describe('trends and content', () => {
  it.each([
    { mode: 'error', status: 503 },
    { mode: 'reset' },
    { mode: 'garbage' },
    { mode: 'rate-limit' },
    { mode: 'hang' },
  ])(
    'answers with prepared trends while the X API is in $mode',
    { timeout: 15_000 },
    async (fault) => {
      await setFault('x-api', fault);
      const response = await fetch(`${url}/api/trends`);
      expect(response.status).toBe(200);
      expect((await bodyOf(response)).meta?.state).toBe('fallback');
      expect(response.headers.get('cache-status')).toContain('fwd=miss');
      await setFault('x-api', { mode: 'ok' });
      expect((await bodyOf(fetch(`${url}/api/trends`))).meta).toBeUndefined();
    },
  );

  it('hides a single failure by trying again', async () => {
    await setFault('x-api', { mode: 'error', status: 503, count: 1 });
    expect((await bodyOf(fetch(`${url}/api/trends`))).meta).toBeUndefined();
  });

  it('writes a text, and a template while the LLM is gone', async () => {
    const own = await bodyOf<{ text: string }>(
      post('/api/content/generate', { prompt: 'Launch day' }),
    );
    expect(own.data.text).toContain('Launch day');
    await setFault('llm', { mode: 'error', status: 500 });
    const template = await bodyOf(post('/api/content/generate', { prompt: 'Launch day' }));
    expect(template.meta?.state).toBe('fallback');
    await setFault('llm', { mode: 'ok' });
  });
});

it('lives through a SIGKILL of PostgreSQL, refuses quickly, and serves again by itself', async () => {
  const seen: { status: number; ms: number; retryAfter: string | null }[] = [];
  let isOver = false;
  const load = Array.from({ length: 4 }, async () => {
    while (!isOver) {
      const began = performance.now();
      const response = await fetch(`${url}/api/campaigns?limit=2`);
      await response.text();
      const retryAfter = response.headers.get('retry-after');
      seen.push({ status: response.status, ms: performance.now() - began, retryAfter });
      await sleep(5);
    }
  });
  const killed = await run.postgresPid();
  process.kill(killed, 'SIGKILL');
  try {
    await eventually(async () => expect(seen.some(({ status }) => status === 503)).toBe(true));
    expect((await fetch(`${url}/health/live`)).status).toBe(200);
    expect((await fetch(`${url}/health/ready`)).status).toBe(200);
    await eventually(async () => expect(seen.at(-1)?.status).toBe(200));
  } finally {
    isOver = true;
    await Promise.all(load);
  }
  const refused = seen.filter(({ status }) => status !== 200);
  expect(new Set(refused.map(({ status }) => status))).toEqual(new Set([503]));
  expect(refused.every(({ retryAfter }) => Number(retryAfter) >= 1)).toBe(true);
  expect(Math.max(...refused.map(({ ms }) => ms))).toBeLessThan(3_000);
  expect(run.child.exitCode).toBeNull();
  expect(await run.postgresPid()).not.toBe(killed);
}, 60_000);

it('stops on Ctrl-C with nothing left running', async () => {
  const own = await runService();
  try {
    await own.printed(/ready on (\S+)/);
    const postgres = await own.postgresPid();
    const samples = await Promise.all([
      own.printed(/x-api-server.ts: (\S+)/),
      own.printed(/llm-server.ts: (\S+)/),
    ]);
    own.child.kill('SIGINT');
    const { code, stderr } = await own.ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(isRunning(postgres)).toBe(false);
    for (const sample of samples) await expect(fetch(sample)).rejects.toThrow();
  } finally {
    await own.cleanUp();
  }
}, 60_000);

describe('a client that says how long it waits', () => {
  it('is answered 503 when it comes too late, and nothing is begun', async () => {
    // At most a fifth of the requests is refused: enough others first.
    for (let i = 0; i < 10; i++) await (await fetch(`${url}/api/campaigns?limit=1`)).text();
    const late = await post(
      '/api/campaigns',
      { name: 'Too late', budgetCents: 1 },
      { 'grpc-timeout': '0m' },
    );
    expect(late.status).toBe(503);
    expect(late.headers.get('content-type')).toContain('application/problem+json');
    const { deadlines } = (await (await fetch(`${url}/health`)).json()) as {
      readonly deadlines: { readonly requests: number; readonly expired: number };
    };
    expect(deadlines).toMatchObject({ expired: 1, refused: 1 });
    const page = await bodyOf<readonly { readonly name: string }[]>(
      fetch(`${url}/api/campaigns?limit=100`),
    );
    expect(page.data.map(({ name }) => name)).not.toContain('Too late');
  });
});
