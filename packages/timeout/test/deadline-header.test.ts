import { createServer, get } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { compose, deadline, fallback } from '@fournines/core';
import { manualClock } from '@fournines/core/testing';
import { describe, expect, test } from 'vitest';
import {
  type Deadline,
  DeadlineExceededError,
  TimeoutError,
  deadlineHeader,
  timeout,
} from '@fournines/timeout';

const left = (remainingMs: number): Deadline => ({
  at: remainingMs,
  remainingMs,
  expired: remainingMs === 0,
});

describe('format', () => {
  test.each([
    ['grpc', 1_500, ['grpc-timeout', '1500m']],
    ['grpc', 0.2, ['grpc-timeout', '1m']],
    ['grpc', 99_999_999, ['grpc-timeout', '99999999m']],
    ['grpc', 100_000_000, ['grpc-timeout', '100000S']],
    ['grpc', 100_000_001, ['grpc-timeout', '100001S']],
    ['grpc', 100_000_000_000, ['grpc-timeout', '1666667M']],
    ['grpc', 99_999_999 * 60_000 + 1, ['grpc-timeout', '1666667H']],
    ['grpc', Infinity, ['grpc-timeout', '99999999H']],
    ['connect', 1_499.1, ['connect-timeout-ms', '1500']],
    ['connect', Infinity, ['connect-timeout-ms', '9999999999']],
    ['envoy', 250, ['x-envoy-expected-rq-timeout-ms', '250']],
    ['envoy', 1e15, ['x-envoy-expected-rq-timeout-ms', '999999999999999']],
    ['envoy', Infinity, ['x-envoy-expected-rq-timeout-ms', '999999999999999']],
  ] as const)('%s says %d ms in its own words, rounded up', (style, ms, header) => {
    expect(deadlineHeader.format(left(ms), style)).toEqual(header);
  });

  test.each(['grpc', 'connect', 'envoy'] as const)(
    '%s never says 0, which some take for no limit',
    (style) => {
      expect(deadlineHeader.format(left(0), style)[1]).toMatch(/^1m?$/);
    },
  );

  test('tells what is left now, not what there was', async () => {
    const clock = manualClock();
    using scope = deadline(500, undefined, { clock });
    await clock.advance(200);
    expect(deadlineHeader.format(scope.deadline, 'connect')).toEqual(['connect-timeout-ms', '300']);
  });

  test('refuses a style that does not exist', () => {
    expect(() => deadlineHeader.format(left(1), 'soap' as never)).toThrow(
      "deadlineHeader: style must be one of 'grpc', 'connect', 'envoy', got 'soap'",
    );
  });
});

describe('parse', () => {
  test.each([
    ['2H', 7_200_000],
    ['3M', 180_000],
    ['4S', 4_000],
    ['5m', 5],
    ['6000u', 6],
    ['7000000n', 7],
    ['0m', 0],
    ['99999999m', 99_999_999],
  ])('reads grpc-timeout %s as %d ms', (value, ms) => {
    expect(deadlineHeader.parse({ 'grpc-timeout': value })).toBeCloseTo(ms, 9);
  });

  test.each(['', 'm', '5', '5s', '5 m', '-5m', '1.5S', '123456789m', '0x5m', '5mm', '٣m'])(
    'takes grpc-timeout %j for absent',
    (value) => {
      expect(deadlineHeader.parse({ 'grpc-timeout': value })).toBeUndefined();
    },
  );

  test.each(['', '-1', '1.5', '1e3', '12345678901', 'soon', 'NaN', 'Infinity', '1,2'])(
    'takes connect-timeout-ms %j for absent',
    (value) => {
      expect(deadlineHeader.parse({ 'connect-timeout-ms': value })).toBeUndefined();
    },
  );

  test.each(['', '-1', '1.5', '1234567890123456', 'x'])(
    'takes x-envoy-expected-rq-timeout-ms %j for absent',
    (value) => {
      expect(deadlineHeader.parse({ 'x-envoy-expected-rq-timeout-ms': value })).toBeUndefined();
    },
  );

  test('a header that came twice, or is no text, is malformed', () => {
    expect(deadlineHeader.parse({ 'connect-timeout-ms': ['5', '6'] })).toBeUndefined();
    expect(deadlineHeader.parse({ 'connect-timeout-ms': '5, 6' })).toBeUndefined();
    expect(deadlineHeader.parse({ 'connect-timeout-ms': 5 })).toBeUndefined();
    expect(deadlineHeader.parse({ 'connect-timeout-ms': ['5'] })).toBe(5);
  });

  test('the shortest of several counts; one that is malformed does not', () => {
    const headers = {
      'grpc-timeout': '2S',
      'connect-timeout-ms': '1500',
      'x-envoy-expected-rq-timeout-ms': 'x',
    };
    expect(deadlineHeader.parse(headers)).toBe(1_500);
  });

  test('reads Headers, records in any case, and nothing where there is nothing', () => {
    expect(deadlineHeader.parse(new Headers({ 'Grpc-Timeout': '20m' }))).toBe(20);
    expect(deadlineHeader.parse({ 'Grpc-Timeout': ' 20m ' })).toBe(20);
    expect(deadlineHeader.parse(new Headers())).toBeUndefined();
    expect(deadlineHeader.parse({}, { max: 5 })).toBeUndefined();
  });

  test('a caller gets no more than max', () => {
    const headers = { 'grpc-timeout': '2H' };
    expect(deadlineHeader.parse(headers, { max: 30_000 })).toBe(30_000);
    expect(deadlineHeader.parse({ 'grpc-timeout': '10S' }, { max: 30_000 })).toBe(10_000);
  });

  test('refuses bad options', () => {
    expect(() => deadlineHeader.parse({}, { max: 0 })).toThrow('deadlineHeader: max must be > 0');
    expect(() => deadlineHeader.parse({}, { min: 1 } as never)).toThrow("unknown option 'min'");
  });
});

test.each(['grpc', 'connect', 'envoy'] as const)('%s reads its own longest time', (style) => {
  const [name, value] = deadlineHeader.format(left(Infinity), style);
  expect(deadlineHeader.parse({ [name]: value })).toBeGreaterThan(9e9);
});

test.each([
  [null, 'null'],
  [undefined, 'undefined'],
  ['grpc-timeout: 5m', 'string'],
])('headers that are no object are refused by name: %s', (headers, shown) => {
  const message = `deadlineHeader: headers must be a Headers or a record, got ${shown}`;
  expect(() => deadlineHeader.parse(headers as never)).toThrow(new TypeError(message));
  expect(() => deadlineHeader.accept(headers as never)).toThrow(new TypeError(message));
});

describe('accept', () => {
  test.each(['0m', '0n'])('what came too late, grpc-timeout %s, is never begun', async (value) => {
    const clock = manualClock();
    const policy = timeout({ duration: 1_000, clock });
    let runs = 0;
    using limit = deadlineHeader.accept({ 'grpc-timeout': value }, { max: 500, clock });
    await expect(policy.execute(() => (runs += 1), limit.signal)).rejects.toMatchObject({
      name: 'DeadlineExceededError',
      code: 'EDEADLINE',
      policy: 'deadlineHeader',
    });
    expect(runs).toBe(0);
    expect(limit.deadline.expired).toBe(true);
    expect(clock.timers).toBe(0);
  });

  test('work that waited until the time was up is not begun either, and says so', async () => {
    const clock = manualClock();
    const policy = timeout({ duration: 1_000, clock });
    using limit = deadlineHeader.accept({ 'grpc-timeout': '10m' }, { clock });
    // The body of the request is being read.
    await clock.advance(20);
    let runs = 0;
    for (const layers of [
      policy,
      compose(
        fallback(() => false, 0),
        policy,
      ),
    ]) {
      const refusal = await layers
        .execute(() => (runs += 1), limit.signal)
        .catch((e: unknown) => e);
      expect(refusal).toBeInstanceOf(DeadlineExceededError);
      expect((refusal as Error).cause).toBe(limit.signal.reason);
      expect(limit.signal.reason).toBeInstanceOf(TimeoutError);
    }
    expect(runs).toBe(0);
  });

  test('the caller’s time is the deadline of all that happens under the signal', async () => {
    const clock = manualClock();
    using limit = deadlineHeader.accept({ 'connect-timeout-ms': '300' }, { max: 500, clock });
    const policy = timeout({ duration: 1_000, clock });
    await policy.execute(({ deadline: own }) => expect(own.remainingMs).toBe(300), limit.signal);
    await clock.advance(300);
    expect(limit.signal.reason).toMatchObject({ code: 'ETIMEDOUT', durationMs: 300 });
  });

  test('max holds where the caller asks for more, or says nothing', () => {
    const clock = manualClock();
    for (const headers of [{ 'grpc-timeout': '2H' }, {}, { 'grpc-timeout': 'soon' }]) {
      using limit = deadlineHeader.accept(headers, { max: 500, clock });
      expect(limit.deadline.remainingMs).toBe(500);
    }
    using free = deadlineHeader.accept({}, { clock });
    expect(free.deadline.at).toBe(Infinity);
    expect(clock.timers).toBe(0);
  });

  test('the parent’s abort and deadline hold too', async () => {
    const clock = manualClock();
    using outer = deadline(200, undefined, { clock });
    using limit = deadlineHeader.accept(
      { 'connect-timeout-ms': '300' },
      { parent: outer.signal, clock },
    );
    expect(limit.deadline.remainingMs).toBe(200);
    await clock.advance(200);
    expect(limit.signal.reason).toBe(outer.signal.reason);
  });

  test('refuses bad options', () => {
    expect(() => deadlineHeader.accept({}, { max: 0 })).toThrow('deadlineHeader: max must be > 0');
    expect(() => deadlineHeader.accept({}, { min: 1 } as never)).toThrow("unknown option 'min'");
    for (const headers of [{}, { 'grpc-timeout': '0m' }]) {
      expect(() => deadlineHeader.accept(headers, { clock: null } as never)).toThrow(
        'deadlineHeader: clock must be an object with now, wall and setTimeout, got null',
      );
      expect(() => deadlineHeader.accept(headers, { parent: 5 } as never)).toThrow(
        'deadlineHeader: parent must be an AbortSignal or a context, got number',
      );
    }
  });
});

test('a deadline crosses a real request', async () => {
  const server = createServer((request, response) => {
    response.end(String(deadlineHeader.parse(request.headers, { max: 60_000 })));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  try {
    const seen = await timeout(30_000).execute(async (context) => {
      const [name, value] = deadlineHeader.format(context.deadline, 'grpc');
      const request = get({ port, host: '127.0.0.1', headers: { [name]: value } });
      const [response] = (await once(request, 'response')) as [AsyncIterable<Buffer>];
      let body = '';
      for await (const chunk of response) body += chunk.toString();
      return Number(body);
    });
    expect(seen).toBeGreaterThan(20_000);
    expect(seen).toBeLessThanOrEqual(30_000);
  } finally {
    server.close();
    server.closeAllConnections();
  }
});
