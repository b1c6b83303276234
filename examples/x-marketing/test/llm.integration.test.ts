import { type TestDatabase, testDatabase } from '@fournines/test-services';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Run, runService } from './run-service.ts';
import { PASSING_FAULTS, ask, endQuietly, prompting, setFault } from './upstream-faults.ts';

const GENERATE = '/api/content/generate';

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

it.each(PASSING_FAULTS.filter(({ mode }) => mode !== 'hang' && mode !== 'slow'))(
  'hides one $mode by asking again',
  { timeout: 30_000 },
  async (fault) => {
    await setFault(run, 'llm', { ...fault, count: 1 });
    expect(await ask(`${url}${GENERATE}`, prompting('Launch'))).toMatchObject({
      status: 200,
      state: undefined,
    });
    for (const _ of [1, 2])
      expect((await ask(`${url}${GENERATE}`, prompting('Launch'))).state).toBeUndefined();
  },
);

describe('a streamed text', () => {
  interface Streamed {
    readonly response: Response;
    readonly pieces: readonly { data: { text: string }; meta?: { state: string } }[];
    readonly problems: readonly { status: number }[];
  }

  async function stream(prompt: string): Promise<Streamed> {
    const accept = { accept: 'text/event-stream' };
    const response = await fetch(`${url}${GENERATE}`, prompting(prompt, accept));
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
    const whole = await fetch(`${url}${GENERATE}`, prompting('Launch day'));
    const { data } = (await whole.json()) as { data: { text: string } };
    const streamed = await stream('Launch day');
    expect(textOf(streamed)).toBe(data.text);
    expect(streamed.pieces.length).toBeGreaterThan(5);
    expect(streamed.problems).toEqual([]);
  });

  it.each(['reset', 'error'])('hides one %s before the first piece', async (mode) => {
    await setFault(run, 'llm', { mode, count: 1 });
    const streamed = await stream('Launch day');
    expect(textOf(streamed)).toContain('Launch day');
    expect(streamed.pieces.some(({ meta }) => meta !== undefined)).toBe(false);
  });

  it.each([
    { mode: 'rate-limit', count: 1 },
    { mode: 'garbage', count: 1 },
    // Both attempts.
    { mode: 'hang', count: 2 },
  ])(
    'is the template when $mode comes in place of the first piece',
    async (fault) => {
      await setFault(run, 'llm', fault);
      const { response, pieces, problems } = await stream('Launch day');
      expect(pieces.map(({ meta }) => meta?.state)).toEqual(['fallback']);
      expect(response.headers.get('cache-status')).toContain('fwd=miss');
      expect(problems).toEqual([]);
      expect((await ask(`${url}${GENERATE}`, prompting('Launch'))).state).toBeUndefined();
    },
    15_000,
  );

  it.each([{ mode: 'cut' }, { mode: 'slow-body', delayMs: 60_000 }])(
    'ends with a problem when the model is in $mode after the first piece',
    { timeout: 15_000 },
    async (fault) => {
      await setFault(run, 'llm', { ...fault, count: 1 });
      const streamed = await stream('Launch day');
      expect(textOf(streamed)).toContain('Launch day');
      expect(streamed.problems).toMatchObject([{ status: 503 }]);
      expect((await ask(`${url}${GENERATE}`, prompting('Launch'))).state).toBeUndefined();
    },
  );
});
