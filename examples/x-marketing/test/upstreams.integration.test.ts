import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestDatabase, testDatabase } from '@fournines/test-services';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Run, eventually, runService } from './run-service.ts';

let database: TestDatabase;
/** The service with its sample upstreams, whose faults the tests switch. */
let run: Run;
let url: string;
/** The same without stand-ins. */
let strict: Run;
let strictUrl: string;

beforeAll(async () => {
  database = await testDatabase();
  run = await runService({ DATABASE_URL: database.url });
  url = await run.printed(/ready on (\S+)/);
  strict = await runService({ DATABASE_URL: database.url, ENABLE_FALLBACKS: 'false' });
  strictUrl = await strict.printed(/ready on (\S+)/);
}, 60_000);
afterAll(async () => {
  await Promise.all([run.cleanUp(), strict.cleanUp()]);
  await database.drop();
}, 30_000);

interface Answered {
  readonly status: number;
  readonly state: string | undefined;
  readonly reason: string | undefined;
  readonly retryAfter: number;
  readonly ms: number;
}

async function ask(path: string, prompt?: string, base = url): Promise<Answered> {
  const began = performance.now();
  const response = await fetch(base + path, prompt === undefined ? {} : chat(prompt));
  const { meta } = (await response.json()) as { meta?: { state: string; reason: string } };
  return {
    status: response.status,
    state: meta?.state,
    reason: meta?.reason,
    retryAfter: Number(response.headers.get('retry-after') ?? Number.NaN),
    ms: performance.now() - began,
  };
}

function chat(prompt: string, headers: Record<string, string> = {}): RequestInit {
  return {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ prompt }),
  };
}

async function setFault(server: 'x-api' | 'llm', fault: unknown, of = run): Promise<void> {
  const target = await of.printed(new RegExp(`${server}-server.ts: (\\S+)`));
  const response = await fetch(`${target}/__faults`, {
    method: 'POST',
    body: JSON.stringify(fault),
  });
  expect(response.status).toBe(200);
}

interface Health {
  readonly level: number;
  readonly dependencies: Record<
    string,
    { status: string; policies: { kind: string; name: string; state?: string }[] }
  >;
}

const health = async (): Promise<Health> => (await fetch(`${url}/health`)).json() as never;

async function circuit(dependency: 'xApi' | 'llm'): Promise<string | undefined> {
  const policies = (await health()).dependencies[dependency]?.policies ?? [];
  const found = policies.filter(({ kind }) => kind === 'circuit-breaker');
  expect(found).toHaveLength(1);
  return found[0]?.state;
}

/** A failure that the service hides: the first attempt meets it, the second does not. */
const passing = [
  { mode: 'slow', delayMs: 10_000 },
  { mode: 'slow-body', delayMs: 10_000 },
  { mode: 'cut' },
  { mode: 'reset' },
  { mode: 'garbage' },
  { mode: 'hang' },
  { mode: 'error', status: 503 },
];

it('shows every policy of its upstreams, the circuits inside of the fetches too', async () => {
  const { dependencies } = await health();
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
  expect(await circuit('xApi')).toBe('closed');
});

describe('the X API', () => {
  it.each(passing)('hides one $mode by asking again', async (fault) => {
    await setFault('x-api', { ...fault, count: 1 });
    expect(await ask('/api/trends')).toMatchObject({ status: 200, state: undefined });
    // Good answers between the failures, so that half of them does not open the circuit.
    for (const _ of [1, 2]) expect((await ask('/api/trends')).state).toBeUndefined();
  });

  it('waits for headers that are only slow', async () => {
    await setFault('x-api', { mode: 'slow', delayMs: 700, count: 1 });
    const { state, ms } = await ask('/api/trends');
    expect(state).toBeUndefined();
    expect(ms).toBeGreaterThanOrEqual(700);
  });

  it.each(['rate-limit', 'error'])('waits as long as a Retry-After of %s asks', async (mode) => {
    await setFault('x-api', { mode, status: 503, retryAfter: 1, count: 1 });
    const { state, ms } = await ask('/api/trends');
    expect(state).toBeUndefined();
    expect(ms).toBeGreaterThanOrEqual(1_000);
  });

  it('answers at once with a stand-in when Retry-After asks for more than a caller can bear', async () => {
    await setFault('x-api', { mode: 'rate-limit', retryAfter: 30, count: 1 });
    const { status, state, reason, ms } = await ask('/api/trends');
    expect({ status, state, reason }).toEqual({
      status: 200,
      state: 'fallback',
      reason: 'rate-limit',
    });
    expect(ms).toBeLessThan(1_000);
  });

  it('answers in its time while the body hangs, then at once; and asks again when it is well', async () => {
    await setFault('x-api', { mode: 'slow-body', delayMs: 60_000 });
    const first = await ask('/api/trends');
    expect(first).toMatchObject({ status: 200, state: 'fallback', reason: 'timeout' });
    expect(first.ms).toBeLessThan(5_000);
    await setFault('x-api', { mode: 'cut' });
    await eventually(async () => {
      await ask('/api/trends');
      expect(await circuit('xApi')).toBe('open');
    });
    const refused = await Promise.all(Array.from({ length: 50 }, () => ask('/api/trends')));
    expect(new Set(refused.map(({ status, state }) => `${status} ${state}`))).toEqual(
      new Set(['200 fallback']),
    );
    expect(Math.min(...refused.map(({ ms }) => ms))).toBeLessThan(500);
    expect(await health()).toMatchObject({ level: 1 });
    await setFault('x-api', { mode: 'ok' });
    await eventually(async () => expect((await ask('/api/trends')).state).toBeUndefined());
    await eventually(async () => {
      await ask('/api/trends');
      expect(await circuit('xApi')).toBe('closed');
    });
  }, 40_000);
});

describe('the LLM', () => {
  const generate = '/api/content/generate';

  it.each(passing.filter(({ mode }) => ['cut', 'reset', 'garbage', 'error'].includes(mode)))(
    'hides one $mode by asking again',
    async (fault) => {
      await setFault('llm', { ...fault, count: 1 });
      expect(await ask(generate, 'Launch')).toMatchObject({ status: 200, state: undefined });
      for (const _ of [1, 2]) expect((await ask(generate, 'Launch')).state).toBeUndefined();
    },
  );
});

describe('a streamed text', () => {
  interface Streamed {
    readonly response: Response;
    readonly pieces: readonly { data: { text: string }; meta?: { state: string } }[];
    readonly problems: readonly { status: number }[];
  }

  async function stream(prompt: string): Promise<Streamed> {
    const accept = { accept: 'text/event-stream' };
    const response = await fetch(`${url}/api/content/generate`, chat(prompt, accept));
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toContain('text/event-stream');
    const events = (await response.text()).split('\n\n').filter(Boolean);
    const dataOf = (event: string): never =>
      JSON.parse(event.slice(event.indexOf('data: ') + 6)) as never;
    return {
      response,
      pieces: events.filter((event) => event.startsWith('data: ')).map(dataOf),
      problems: events.filter((event) => event.startsWith('event: error\n')).map(dataOf),
    };
  }

  const textOf = ({ pieces }: Streamed): string => pieces.map(({ data }) => data.text).join('');

  it('comes piece by piece and is the same as the whole one', async () => {
    const whole = await fetch(`${url}/api/content/generate`, chat('Launch day'));
    const { data } = (await whole.json()) as { data: { text: string } };
    const streamed = await stream('Launch day');
    expect(textOf(streamed)).toBe(data.text);
    expect(streamed.pieces.length).toBeGreaterThan(5);
    expect(streamed.problems).toEqual([]);
  });

  it.each(['reset', 'error'])('hides one %s before the first piece', async (mode) => {
    await setFault('llm', { mode, count: 1 });
    const streamed = await stream('Launch day');
    expect(textOf(streamed)).toContain('Launch day');
    expect(streamed.pieces.some(({ meta }) => meta !== undefined)).toBe(false);
  });

  it('is the template when the first piece does not come', async () => {
    await setFault('llm', { mode: 'rate-limit', count: 1 });
    const { response, pieces, problems } = await stream('Launch day');
    expect(pieces.map(({ meta }) => meta?.state)).toEqual(['fallback']);
    expect(response.headers.get('cache-status')).toContain('fwd=miss');
    expect(problems).toEqual([]);
  });

  it.each([{ mode: 'cut' }, { mode: 'slow-body', delayMs: 60_000 }])(
    'ends with a problem when the model is in $mode after the first piece',
    { timeout: 15_000 },
    async (fault) => {
      await setFault('llm', { ...fault, count: 1 });
      const streamed = await stream('Launch day');
      expect(textOf(streamed)).toContain('Launch day');
      expect(streamed.problems).toMatchObject([{ status: 503 }]);
      expect((await ask('/api/content/generate', 'Launch')).state).toBeUndefined();
    },
  );
});

describe('without stand-ins', () => {
  it('makes an upstream’s 404 a 503 of its own', async () => {
    await setFault('x-api', { mode: 'error', status: 404, count: 1 }, strict);
    expect(await ask('/api/trends', undefined, strictUrl)).toMatchObject({ status: 503 });
  });

  it('passes on how long the upstream asked to wait', async () => {
    await setFault('llm', { mode: 'rate-limit', retryAfter: 30, count: 1 }, strict);
    const { status, retryAfter } = await ask('/api/content/generate', 'Launch', strictUrl);
    expect(status).toBe(503);
    expect(retryAfter).toBeGreaterThanOrEqual(29);
    expect(retryAfter).toBeLessThanOrEqual(30);
  });

  it('answers a stream that cannot begin with a status, not with an event', async () => {
    await setFault('llm', { mode: 'rate-limit', retryAfter: 30, count: 1 }, strict);
    const response = await fetch(
      `${strictUrl}/api/content/generate`,
      chat('Launch', { accept: 'text/event-stream' }),
    );
    expect(response.status).toBe(503);
    expect(response.headers.get('content-type')).toContain('application/problem+json');
  });
});

describe('what an upstream gets', () => {
  async function listen(
    answer: (request: IncomingMessage, response: ServerResponse) => void,
  ): Promise<AsyncDisposable & { readonly origin: string }> {
    const server = createServer(answer);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return {
      origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      async [Symbol.asyncDispose]() {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      },
    };
  }

  it('its token, the time that is left, and the end of a call whose client has left', async () => {
    const asked = Promise.withResolvers<IncomingMessage['headers']>();
    const left = Promise.withResolvers<void>();
    await using upstream = await listen((request, response) => {
      asked.resolve(request.headers);
      response.once('close', left.resolve);
    });
    const own = await runService({
      DATABASE_URL: database.url,
      X_API_URL: upstream.origin,
      X_API_TOKEN: 'secret',
    });
    try {
      const base = await own.printed(/ready on (\S+)/);
      const client = new AbortController();
      const call = fetch(`${base}/api/trends`, { signal: client.signal });
      const headers = await asked.promise;
      expect(headers.authorization).toBe('Bearer secret');
      const remaining = Number(headers['x-envoy-expected-rq-timeout-ms']);
      expect(remaining).toBeGreaterThan(1_000);
      expect(remaining).toBeLessThanOrEqual(1_500);
      client.abort();
      await expect(call).rejects.toThrow();
      await left.promise;
    } finally {
      await own.cleanUp();
    }
  }, 30_000);
});

it('goes on through all of it: no upstream and no service had to be started again', () => {
  expect([run.child.exitCode, strict.child.exitCode]).toEqual([null, null]);
});
