import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { errorStatistics } from '../src/index.ts';

const coded = (code: string, message = 'x') => Object.assign(new Error(message), { code });

function clockAt(start: number) {
  let now = start;
  return {
    now: () => now,
    wall: () => 1_000_000 + now,
    advance: (ms: number) => {
      now += ms;
    },
  };
}

describe('errorStatistics', () => {
  it('counts by category, severity, code and endpoint', () => {
    const statistics = errorStatistics({ clock: clockAt(0) });
    expect(statistics.record(coded('ECONNREFUSED'), { endpoint: 'GET /a' })).toMatchObject({
      category: 'unavailable',
    });
    statistics.record(coded('23505'), { endpoint: 'GET /a' });
    statistics.record(new Error('who knows'));
    expect(statistics.totals()).toEqual({
      total: 3,
      category: { unavailable: 1, conflict: 1, unknown: 1 },
      severity: { high: 1, low: 1, medium: 1 },
      code: { 'node/ECONNREFUSED': 1, 'pg/23505': 1 },
      endpoint: { 'GET /a': 2 },
    });
  });

  it('forgets what a window no longer covers, and keeps the totals', () => {
    const clock = clockAt(5_000);
    const statistics = errorStatistics({ clock });
    statistics.record(coded('23505'));
    clock.advance(50_000);
    statistics.record(coded('40001'));
    expect(statistics.window(60_000).total).toBe(2);
    clock.advance(20_000);
    expect(statistics.window(60_000)).toMatchObject({ total: 1, code: { 'pg/40001': 1 } });
    expect(statistics.window(300_000).total).toBe(2);
    clock.advance(10_000_000);
    expect(statistics.window(900_000).total).toBe(0);
    expect(statistics.totals().total).toBe(2);
  });

  it('agrees with counting by hand', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(200_000), fc.constantFrom('23505', '40001', 'EPIPE')), {
          maxLength: 60,
        }),
        (steps) => {
          const clock = clockAt(0);
          const statistics = errorStatistics({ clock });
          const bucket = 5_000;
          const log: number[] = [];
          for (const [wait, code] of steps) {
            clock.advance(wait);
            statistics.record(coded(code));
            log.push(Math.floor(clock.now() / bucket));
          }
          const last = Math.floor(clock.now() / bucket);
          for (const ms of [60_000, 300_000, 900_000]) {
            expect(statistics.window(ms).total).toBe(
              log.filter((at) => at > last - ms / bucket).length,
            );
          }
        },
      ),
    );
  });

  it('keeps the latest samples, newest first, short and without secrets', () => {
    const statistics = errorStatistics({ samples: 2, clock: clockAt(0) });
    for (const text of ['one', 'two', `postgres://a:Sup3rS3cret@h/ ${'x'.repeat(10_000)}`])
      statistics.record(coded('23505', text));
    const [newest, older, none] = statistics.recent();
    expect(newest?.message).toMatch(/^postgres:\/\/\[redacted\]@h/);
    expect(newest?.message.length).toBeLessThan(210);
    expect(older).toEqual({
      at: 1_000_000,
      category: 'conflict',
      severity: 'low',
      code: 'pg/23505',
      name: 'Error',
      message: 'two',
    });
    expect(none).toBeUndefined();
  });

  it('holds its memory under a million distinct messages and endpoints', () => {
    const statistics = errorStatistics({ maxKeys: 100, clock: clockAt(0) });
    const shared = coded('23505');
    for (let i = 0; i < 1_000_000; i++) {
      shared.message = `message ${i}`;
      statistics.record(shared, { endpoint: `/item/${i}` });
    }
    const { endpoint, total } = statistics.totals();
    expect(total).toBe(1_000_000);
    expect(Object.keys(endpoint).length).toBe(101);
    expect(endpoint['other']).toBe(1_000_000 - 100);
    expect(statistics.recent().length).toBe(50);
    // Two seconds of work, and several times that where others want the processor.
  }, 60_000);

  it('is a component whose counts never go back', () => {
    const statistics = errorStatistics({ name: 'all', clock: clockAt(0) });
    statistics.record(coded('23505'));
    statistics.actions.clear();
    expect(statistics.totals().total).toBe(0);
    expect(statistics.recent()).toEqual([]);
    statistics.record(coded('23505'));
    expect(statistics).toMatchObject({ kind: 'error-statistics', name: 'all' });
    expect(statistics.snapshot()).toEqual({
      status: 'up',
      counts: { errors: { conflict: 2 } },
      gauges: { recent: 1 },
    });
  });

  it.each<[object, RegExp]>([
    [{ windows: [] }, /windows must hold 1 to 8/],
    [{ windows: [10] }, /windows must be from 1000 to 86400000 ms, got 10/],
    [{ windows: [1_000, 86_400_000] }, /at most 120 times/],
    [{ maxKeys: 0 }, /maxKeys must be an integer from 1 to 10000, got 0/],
    [{ samples: 1.5 }, /samples must be an integer from 0 to 1000, got 1.5/],
  ])('refuses %o', (options, message) => {
    expect(() => errorStatistics(options)).toThrow(message);
    expect(() => errorStatistics().window(7)).toThrow(/window must be one of/);
  });
});
