import { compose } from '@fournines/core';
import { manualClock } from '@fournines/core/testing';
import { describe, expect, test } from 'vitest';
import { TIMEOUT_CONFIGS, timeout, timeouts } from '@fournines/timeout';

const never = (): Promise<never> => new Promise(() => {});
const durationOf = async (policy: ReturnType<typeof timeout>): Promise<number> =>
  policy.execute(({ deadline }) => deadline.remainingMs);

describe('the usual operations', () => {
  test.each([
    ['API_REQUEST', 30_000],
    ['DATABASE_QUERY', 30_000],
    ['REDIS_OPERATION', 5_000],
    ['HTTP_REQUEST', 10_000],
    ['LLM_REQUEST', 60_000],
    ['BULK_OPERATION', 300_000],
  ] as const)('%s may take %d ms', async (operation, ms) => {
    const clock = manualClock();
    const policy = timeouts(undefined, { clock, env: {} }).for(operation);
    expect(await durationOf(policy)).toBe(ms);
    expect(policy.name).toBe(operation);
    expect(TIMEOUT_CONFIGS[operation]).toBe(ms);
    const call = policy.execute(never).catch((error: unknown) => error);
    await clock.advance(ms);
    expect(await call).toMatchObject({ code: 'ETIMEDOUT', policy: operation, durationMs: ms });
  });

  test('cannot be changed behind the back of others', () => {
    expect(Object.isFrozen(TIMEOUT_CONFIGS)).toBe(true);
  });
});

describe('one’s own', () => {
  test('are added, and override the usual ones, by a duration or by options', async () => {
    const clock = manualClock();
    const operations = timeouts(
      {
        REPORT: 120_000,
        DATABASE_QUERY: { duration: 2_000, mode: 'cooperative' },
        byCall: () => 7,
      },
      { clock, env: {} },
    );
    expect(await durationOf(operations.for('REPORT'))).toBe(120_000);
    expect(await durationOf(operations.for('DATABASE_QUERY'))).toBe(2_000);
    expect(await durationOf(operations.for('byCall'))).toBe(7);
    expect(await durationOf(operations.for('HTTP_REQUEST'))).toBe(10_000);
    let isSettled = false;
    const gate = Promise.withResolvers<void>();
    const call = operations
      .for('DATABASE_QUERY')
      .execute(() => gate.promise)
      .finally(() => (isSettled = true));
    await clock.advance(3_000);
    expect(isSettled).toBe(false);
    gate.resolve();
    await call;
  });

  test('are refused at once when they are bad, by name', () => {
    expect(() => timeouts({ REPORT: 0 })).toThrow('timeouts: REPORT: duration must be > 0');
    expect(() => timeouts({ REPORT: { duration: 5, graze: 1 } as never })).toThrow(
      "timeouts: REPORT: unknown option 'graze'",
    );
    expect(() => timeouts({ REPORT: '5s' as never })).toThrow(
      'timeouts: REPORT must be a duration or options, got',
    );
    expect(() => timeouts({}, { name: '' })).toThrow(
      "timeouts: name must be a non-empty string, got ''",
    );
    expect(() => timeouts(null as never)).toThrow(
      'timeouts: configs: options must be an object, got null',
    );
    for (const [env, shown] of [
      [null, 'null'],
      [5, 'number'],
    ]) {
      expect(() => timeouts({}, { env } as never)).toThrow(
        `timeouts: env must be a record of strings, got ${shown}`,
      );
    }
    expect(() => timeouts([5] as never)).toThrow('timeouts: configs: options must be an object');
    expect(() => timeouts({}, { environment: {} } as never)).toThrow(
      "unknown option 'environment'",
    );
  });

  test('an operation that does not exist is refused, with those that do', () => {
    expect(() => timeouts({}, { env: {} }).for('toString' as never)).toThrow(
      "timeouts: operation must be one of API_REQUEST, DATABASE_QUERY, REDIS_OPERATION, HTTP_REQUEST, LLM_REQUEST, BULK_OPERATION, got 'toString'",
    );
  });
});

describe('the environment', () => {
  test('overrides the code', async () => {
    const env = {
      TIMEOUT_DATABASE_QUERY: '2000',
      TIMEOUT_LLM_REQUEST: 'Infinity',
      TIMEOUT_USER_LOOKUP: ' 1.5 ',
      TIMEOUT_OAUTH2_TOKEN: '70',
      TIMEOUT_HTTP_REQUEST: '',
    };
    const operations = timeouts(
      { DATABASE_QUERY: 9_000, userLookup: 50, oauth2Token: 60 },
      { env, clock: manualClock() },
    );
    expect(await durationOf(operations.for('DATABASE_QUERY'))).toBe(2_000);
    expect(await durationOf(operations.for('LLM_REQUEST'))).toBe(Infinity);
    expect(await durationOf(operations.for('userLookup'))).toBe(1.5);
    expect(await durationOf(operations.for('oauth2Token'))).toBe(70);
    expect(await durationOf(operations.for('HTTP_REQUEST'))).toBe(10_000);
  });

  test('is the process’s own by default', async () => {
    process.env['TIMEOUT_BULK_OPERATION'] = '1234';
    try {
      expect(
        await durationOf(timeouts(undefined, { clock: manualClock() }).for('BULK_OPERATION')),
      ).toBe(1_234);
    } finally {
      delete process.env['TIMEOUT_BULK_OPERATION'];
    }
  });

  test.each(['2s', '0', '-5', '1e3', 'NaN', '0x10', '2_000', '1,5'])(
    'is refused at once when it says %j',
    (value) => {
      expect(() => timeouts({}, { env: { TIMEOUT_REDIS_OPERATION: value } })).toThrow(
        /^timeouts: TIMEOUT_REDIS_OPERATION must be .*> 0 \(Infinity is allowed\), got /,
      );
    },
  );

  test('cannot mean two operations at once', () => {
    expect(() => timeouts({ llmRequest: 5 }, { env: {} })).toThrow(
      "got 'LLM_REQUEST' and 'llmRequest' for TIMEOUT_LLM_REQUEST",
    );
  });
});

describe('monitoring', () => {
  test('each operation counts for itself: calls, timeouts, near misses, late ends, percentiles', async () => {
    const clock = manualClock();
    const operations = timeouts({ QUERY: 100 }, { clock, env: {}, name: 'shop' });
    const query = operations.for('QUERY');
    expect(query.snapshot().gauges).toEqual({ inFlight: 0 });
    const take = async (ms: number): Promise<void> => {
      const gate = Promise.withResolvers<void>();
      clock.setTimeout(gate.resolve, ms);
      const call = query.execute(() => gate.promise).catch(() => {});
      await clock.advance(ms);
      await call;
    };
    for (let i = 0; i < 18; i += 1) await take(20);
    await take(90);
    await take(150);
    const { counts, gauges } = query.snapshot();
    expect(counts).toEqual({ calls: 20, timeouts: 1, slow: 1, late: 1 });
    expect(gauges.p50Ms).toBeGreaterThan(19.4);
    expect(gauges.p50Ms).toBeLessThan(20.6);
    expect(gauges.p95Ms).toBeGreaterThan(87);
    expect(gauges.p95Ms).toBeLessThan(93);
    expect(gauges.p99Ms).toBeGreaterThan(97);
    expect(gauges.p99Ms).toBeLessThan(103);
    await expect(query.execute(() => Promise.reject(new Error('refused')))).rejects.toThrow(
      'refused',
    );
    expect(query.snapshot().gauges).toEqual(gauges);
    await clock.advance(60_000);
    expect(query.snapshot().gauges).toEqual({ inFlight: 0 });
    expect(operations.for('LLM_REQUEST').snapshot().counts.calls).toBe(0);
  });

  test('is a component whose parts are the operations', () => {
    const operations = timeouts({ QUERY: 100 }, { env: {}, name: 'shop' });
    expect({ kind: operations.kind, name: operations.name }).toEqual({
      kind: 'timeouts',
      name: 'shop',
    });
    expect(operations.snapshot()).toEqual({ status: 'up', counts: {} });
    const parts = [...operations.parts()];
    expect(parts.map(({ name }) => name)).toEqual([...Object.keys(TIMEOUT_CONFIGS), 'QUERY']);
    expect(parts.every(({ kind }) => kind === 'timeout')).toBe(true);
    expect(parts.at(-1)).toBe(operations.for('QUERY'));
    expect(timeouts({}, { env: {} }).name).toMatch(/^timeouts-\d+$/);
  });

  test('an operation goes into a composition', async () => {
    const clock = manualClock();
    const operations = timeouts({ QUERY: 100 }, { env: {}, clock });
    const policy = compose(timeout({ duration: 1_000, clock }), operations.for('QUERY'));
    await policy.execute(({ deadline }) => expect(deadline.remainingMs).toBe(100));
    expect(operations.for('QUERY').snapshot().counts.calls).toBe(1);
  });
});
