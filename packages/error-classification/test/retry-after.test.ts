import { describe, expect, it } from 'vitest';
import { parseRetryAfter } from '../src/index.ts';

const NOW = Date.UTC(2026, 5, 15, 12, 0, 0);
const after = (headers: unknown, body?: unknown) => parseRetryAfter(headers, NOW, body);

describe('parseRetryAfter', () => {
  it.each([
    ['retry-after-ms', { 'retry-after-ms': '1500' }, 1_500],
    ['x-ms-retry-after-ms', { 'x-ms-retry-after-ms': '20' }, 20],
    ['x-amz-retry-after', { 'x-amz-retry-after': '700' }, 700],
    ['seconds', { 'retry-after': '120' }, 120_000],
    ['zero', { 'retry-after': '0' }, 0],
    ['fractions, which some servers send', { 'retry-after': '0.5' }, 500],
    ['IMF-fixdate', { 'retry-after': 'Mon, 15 Jun 2026 12:00:30 GMT' }, 30_000],
    ['RFC 850', { 'retry-after': 'Monday, 15-Jun-26 12:00:30 GMT' }, 30_000],
    ['asctime', { 'retry-after': 'Mon Jun 15 12:00:30 2026' }, 30_000],
    [
      'asctime with a one-digit day',
      { 'retry-after': 'Wed Jul  1 12:00:00 2026' },
      16 * 86_400_000,
    ],
    ['a date that has passed', { 'retry-after': 'Sun, 06 Nov 1994 08:49:37 GMT' }, 0],
    ['a two-digit year of the past', { 'retry-after': 'Sunday, 06-Nov-94 08:49:37 GMT' }, 0],
    ['RateLimit of the current draft', { ratelimit: '"burst";r=0;t=30, "day";r=7;t=900' }, 30_000],
    ['RateLimit without r', { ratelimit: '"default";t=5' }, 5_000],
    ['RateLimit of older drafts', { ratelimit: 'limit=100, remaining=0, reset=45' }, 45_000],
    ['RateLimit-Reset in seconds', { 'ratelimit-reset': '10' }, 10_000],
    ['RateLimit-Reset as an instant', { 'ratelimit-reset': String(NOW / 1_000 + 90) }, 90_000],
    ['x-rate-limit-reset of X', { 'x-rate-limit-reset': String(NOW / 1_000 + 900) }, 900_000],
    [
      'x-ratelimit-reset in epoch milliseconds',
      { 'x-ratelimit-reset': String(NOW + 2_000) },
      2_000,
    ],
    ['x-ratelimit-reset as a date', { 'x-ratelimit-reset': '2026-06-15T12:00:07Z' }, 7_000],
    [
      'OpenAI: the later of the exhausted',
      { 'x-ratelimit-reset-requests': '1s', 'x-ratelimit-reset-tokens': '6m0s' },
      360_000,
    ],
    ['OpenAI: milliseconds', { 'x-ratelimit-reset-tokens': '120ms' }, 120],
    ['Anthropic', { 'anthropic-ratelimit-requests-reset': '2026-06-15T12:01:00Z' }, 60_000],
    [
      'Anthropic: only what is exhausted',
      {
        'anthropic-ratelimit-requests-remaining': '40',
        'anthropic-ratelimit-requests-reset': '2026-06-15T13:00:00Z',
        'anthropic-ratelimit-input-tokens-remaining': '0',
        'anthropic-ratelimit-input-tokens-reset': '2026-06-15T12:00:09Z',
      },
      9_000,
    ],
  ])('reads %s', (_, headers, expected) => {
    expect(after(headers)).toBe(expected);
    expect(after(new Headers(Object.entries(headers)))).toBe(expected);
  });

  it.each([
    ['negative', '-5'],
    ['empty', ''],
    ['blank', '  '],
    ['hexadecimal', '0x10'],
    ['exponential', '1e3'],
    ['huge', '99999999999999999999'],
    ['longer than a year', String(367 * 86_400_000)],
    ['infinite', 'Infinity'],
    ['not a number', 'NaN'],
    ['a word', 'soon'],
    ['a date that does not exist', 'Mon, 31 Feb 2027 12:00:30 GMT'],
    ['an hour that does not exist', 'Mon, 15 Jun 2026 25:00:30 GMT'],
    ['a date in another zone', 'Mon, 15 Jun 2026 12:00:30 CET'],
    ['a date that only Date.parse takes', '15 June 2026'],
    ['a far future', 'Fri, 31 Dec 9999 23:59:59 GMT'],
  ])('takes a value that is %s for no answer, and does not fall through', (_, value) => {
    expect(after({ 'retry-after': value })).toBeUndefined();
    expect(after({ 'retry-after': value, 'ratelimit-reset': '3' })).toBeUndefined();
    expect(after({ 'retry-after-ms': value, 'retry-after': '3' })).toBeUndefined();
    expect(after({ 'x-ratelimit-reset': value })).toBeUndefined();
    expect(after({ 'anthropic-ratelimit-tokens-reset': value })).toBeUndefined();
  });

  it('goes by precedence: milliseconds, Retry-After, RateLimit, resets, body', () => {
    const body = {
      error: {
        details: [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '34.4s' }],
      },
    };
    const headers: Record<string, string> = {
      'retry-after-ms': '1',
      'retry-after': '2',
      ratelimit: '"p";r=0;t=3',
      'ratelimit-reset': '4',
      'x-rate-limit-reset': '5',
      'anthropic-ratelimit-tokens-reset': '2026-06-15T12:00:06Z',
    };
    const order = Object.keys(headers).map((name) => {
      const delay = after(headers, body);
      delete headers[name];
      return delay;
    });
    expect([...order, after(headers, body)]).toEqual([
      1, 2_000, 3_000, 4_000, 5_000, 6_000, 34_400,
    ]);
  });

  it('waits for no reset while something remains', () => {
    expect(
      after({ 'x-ratelimit-remaining': '4999', 'x-ratelimit-reset': String(NOW / 1_000 + 3_000) }),
    ).toBeUndefined();
    expect(after({ ratelimit: '"day";r=7;t=900' })).toBeUndefined();
  });

  it('reads names in any letter case, arrays, numbers, and objects with get', () => {
    expect(after({ 'Retry-After': '2' })).toBe(2_000);
    expect(after({ 'retry-after': ['2'] })).toBe(2_000);
    expect(after({ 'retry-after': 2 })).toBe(2_000);
    expect(after({ get: (name: string) => (name === 'retry-after' ? '2' : null) })).toBe(2_000);
  });

  it('reads RetryInfo as JSON, as gax decodes it, and as bytes', () => {
    expect(after(undefined, [{ retryDelay: '1.5s' }])).toBe(1_500);
    expect(after(undefined, [{ retryDelay: { seconds: '2', nanos: 5e8 } }])).toBe(2_500);
    expect(after(undefined, statusBytes(7, 250_000_000))).toBe(7_250);
    expect(after(undefined, statusBytes(7, 250_000_000).subarray(0, 20))).toBeUndefined();
    expect(after(undefined, [{ retryDelay: '-3s' }])).toBeUndefined();
    expect(after(undefined, [{ retryDelay: { seconds: -2, nanos: 0 } }])).toBeUndefined();
  });

  it('never throws', () => {
    const hostile = new Proxy(
      {},
      {
        get: () => {
          throw new Error('no');
        },
        ownKeys: () => {
          throw new Error('no');
        },
      },
    );
    for (const headers of [
      hostile,
      undefined,
      null,
      7,
      'x',
      Symbol('s'),
      {
        get: () => {
          throw new Error('no');
        },
      },
    ]) {
      expect(after(headers)).toBeUndefined();
    }
  });
});

/** google.rpc.Status { code: 8, details: [Any { RetryInfo { Duration } }] } in wire format. */
function statusBytes(seconds: number, nanos: number): Uint8Array {
  const varint = (value: number): number[] =>
    value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))];
  const bytes = (field: number, content: readonly number[]) => [
    field * 8 + 2,
    ...varint(content.length),
    ...content,
  ];
  const number = (field: number, value: number) => [field * 8, ...varint(value)];
  const type = [...new TextEncoder().encode('type.googleapis.com/google.rpc.RetryInfo')];
  const info = bytes(1, [...number(1, seconds), ...number(2, nanos)]);
  return Uint8Array.from([...number(1, 8), ...bytes(3, [...bytes(1, type), ...bytes(2, info)])]);
}
