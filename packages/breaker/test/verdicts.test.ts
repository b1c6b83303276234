import { LimitRejectedError, TimeoutError, compose } from '@fournines/core';
import { type ManualClock, manualClock, useManualClock } from '@fournines/core/testing';
import { DeadlineExceededError, BrokenCircuitError } from '@fournines/core';
import { handleType, handleWhen } from 'cockatiel';
import { beforeEach, describe, expect, test } from 'vitest';
import {
  type CircuitBreaker,
  type CircuitBreakerOptions,
  breakerPresets,
  circuitBreaker,
} from '../src/index.ts';

let clock: ManualClock;
beforeEach(() => {
  clock = manualClock();
});

const coded = (code: string, message = code): Error => Object.assign(new Error(message), { code });
const breaker = (options: CircuitBreakerOptions = {}): CircuitBreaker =>
  circuitBreaker({ name: 'db', clock, ...options });
const fail = (policy: CircuitBreaker, error: unknown): Promise<unknown> =>
  policy.execute(() => Promise.reject(error)).catch((thrown: unknown) => thrown);

/** How many of ten calls that end with `error` it takes to open the circuit; 0 when it stays closed. */
async function callsToOpen(options: CircuitBreakerOptions, error: unknown): Promise<number> {
  const policy = breaker(options);
  for (let call = 1; call <= 10; call++) {
    await fail(policy, error);
    if (policy.state === 'open') return call;
  }
  return 0;
}

describe('what counts by default', () => {
  test.each([
    ['57P01: the database was shut down', coded('57P01'), 3],
    ['a connection that ended without a code', new Error('Connection terminated unexpectedly'), 3],
    ['ECONNREFUSED', coded('ECONNREFUSED'), 3],
    ['ETIMEDOUT', coded('ETIMEDOUT'), 3],
    ['Prisma P1001', coded('P1001'), 3],
    ['Prisma P1017', coded('P1017'), 3],
    ['our own timeout', new TimeoutError('attempt', 50), 3],
    ['a cause further in', new Error('query failed', { cause: coded('ECONNRESET') }), 3],
    ['a unique violation', coded('23505'), 0],
    ['a syntax error', coded('42601'), 0],
    ['our own refusal by a limiter', new LimitRejectedError('pool', { reason: 'full' }), 0],
    [
      'our own refusal by a breaker',
      new BrokenCircuitError('x', { state: 'open', retryAfterMs: 1 }),
      0,
    ],
    ['a call that was never started', new DeadlineExceededError('x'), 0],
    ['too many open files here', coded('EMFILE'), 0],
  ])('database preset: %s', async (_name, error, calls) => {
    expect(await callsToOpen(breakerPresets.database, error)).toBe(calls);
  });

  test.each([
    ['redis', 'ECONNREFUSED', 5, 15_000],
    ['http', 'ENOTFOUND', 5, 30_000],
    ['xApi', 'ECONNRESET', 5, 30_000],
    ['llm', 'ETIMEDOUT', 3, 60_000],
  ] as const)('%s preset: %s opens it after %i for %i ms', async (preset, code, calls, resetMs) => {
    const policy = breaker(breakerPresets[preset]);
    for (let i = 0; i < calls; i++) {
      expect(policy.state).toBe('closed');
      await fail(policy, coded(code));
    }
    expect([policy.state, policy.retryAfterMs]).toEqual(['open', resetMs]);
    await clock.advance(resetMs);
    await policy.execute(() => 'ok');
    expect(policy.state).toBe('half-open');
    await policy.execute(() => 'ok');
    expect(policy.state).toBe('closed');
  });

  test('the http preset opens at half of twenty', async () => {
    const policy = breaker(breakerPresets.http);
    for (let i = 0; i < 10; i++) {
      expect(policy.state).toBe('closed');
      await policy.execute(() => 'ok');
      await fail(policy, coded('ECONNRESET'));
    }
    expect(policy.lastTrip?.rule).toBe('failure-rate');
  });

  test('what this process lacks is ignored: it neither opens nor closes a circuit', async () => {
    const policy = breaker({
      failureThreshold: 1,
      resetTimeout: 100,
      halfOpen: { permittedCalls: 1 },
    });
    await fail(policy, coded('EMFILE'));
    await fail(policy, coded('ECONNREFUSED'));
    await clock.advance(100);
    await fail(policy, coded('EMFILE'));
    expect(policy.snapshot()).toMatchObject({
      state: 'half-open',
      counts: { ignored: 2, success: 0 },
    });
  });

  test('so many categories are told apart, the others are one', async () => {
    let made = 0;
    const policy = breaker({
      failureThreshold: 1_000,
      classify: (error) => ({
        category: `made-up-${(made += 1)}` as 'internal',
        severity: 'low',
        retryable: 'no',
        breakerFailure: true,
        httpStatus: 503,
        error,
      }),
    });
    for (let i = 0; i < 100; i++) await fail(policy, new Error('x'));
    const { failure } = policy.snapshot().counts;
    expect([Object.keys(failure).length, failure['other']]).toEqual([65, 36]);
  });

  test('our refusals are ignored, other errors went well', async () => {
    const policy = breaker();
    await fail(policy, new LimitRejectedError('pool', { reason: 'full' }));
    await fail(policy, coded('23505'));
    await fail(policy, coded('ECONNREFUSED'));
    expect(policy.snapshot().counts).toMatchObject({
      calls: 3,
      ignored: 1,
      success: 1,
      failure: { unavailable: 1 },
    });
  });
});

describe('what the user says', () => {
  test('expectedErrors: the listed codes count, at any depth, all others went well', async () => {
    const options = { failureThreshold: 3, expectedErrors: ['E_MINE'] };
    expect(await callsToOpen(options, coded('E_MINE'))).toBe(3);
    expect(await callsToOpen(options, new Error('x', { cause: coded('E_MINE') }))).toBe(3);
    expect(await callsToOpen(options, coded('ECONNREFUSED'))).toBe(0);
    const byPredicate = { failureThreshold: 3, expectedErrors: (error: unknown) => error === 7 };
    expect(await callsToOpen(byPredicate, 7)).toBe(3);
    expect(await callsToOpen(byPredicate, coded('ECONNREFUSED'))).toBe(0);
  });

  test('classify replaces the classification', async () => {
    const classify: CircuitBreakerOptions['classify'] = (error) => ({
      category: 'quota',
      severity: 'low',
      retryable: 'no',
      breakerFailure: error === 'mine',
      httpStatus: 503,
      error,
    });
    expect(await callsToOpen({ failureThreshold: 2, classify }, 'mine')).toBe(2);
    expect(await callsToOpen({ failureThreshold: 2, classify }, coded('ECONNREFUSED'))).toBe(0);
  });

  test('isFailure judges returned values; a circuit that a value opened has no cause (Polly 28)', async () => {
    const policy = breaker({ failureThreshold: 2, isFailure: (value) => value === 503 });
    await policy.execute(() => 503);
    await policy.execute(() => 503);
    expect(policy.lastTrip).toMatchObject({ failures: { value: 2 } });
    const refusal = await fail(policy, 'not called');
    expect((refusal as Error).cause).toBeUndefined();
  });

  test('handle takes a filter of cockatiel, for errors and for values', async () => {
    const byError = { failureThreshold: 2, handle: handleType(RangeError) };
    expect(await callsToOpen(byError, new RangeError('x'))).toBe(2);
    expect(await callsToOpen(byError, coded('ECONNREFUSED'))).toBe(0);
    const policy = breaker({
      failureThreshold: 2,
      handle: handleWhen(() => false).orWhenResult((value) => value === 'bad'),
    });
    await policy.execute(() => 'bad');
    await policy.execute(() => 'bad');
    expect(policy.state).toBe('open');
  });

  test('what throws is reported once and counts as a failure (56)', async () => {
    const warnings: string[] = [];
    const listen = (warning: Error): void => void warnings.push(warning.message);
    process.on('warning', listen);
    const broken = (): never => {
      throw new Error('bug in a predicate');
    };
    for (const options of [
      { classify: broken },
      { expectedErrors: broken },
      { isFailure: broken },
    ]) {
      const policy = breaker({ failureThreshold: 2, ...options });
      if ('isFailure' in options) {
        await expect(policy.execute(() => 'own value')).resolves.toBe('own value');
        await policy.execute(() => 1);
      } else {
        const own = coded('23505');
        expect(await fail(policy, own)).toBe(own);
        await fail(policy, own);
      }
      expect(policy.state).toBe('open');
    }
    await new Promise(setImmediate);
    process.off('warning', listen);
    expect(warnings.filter((message) => message.includes('bug in a predicate'))).toHaveLength(1);
  });
});

describe('aborts', () => {
  const hang = (context: { signal: AbortSignal }): Promise<never> =>
    new Promise((_resolve, reject) => {
      context.signal.addEventListener('abort', () => reject(context.signal.reason), { once: true });
    });

  test("the caller's abort is ignored, in every state (59)", async () => {
    const policy = breaker({ failureThreshold: 1, resetTimeout: 100 });
    const controller = new AbortController();
    const calls = [1, 2, 3].map(() => policy.execute(hang, controller.signal).catch(() => {}));
    await clock.advance(60_000);
    controller.abort(new Error('user left'));
    await Promise.all(calls);
    expect(policy.snapshot()).toMatchObject({
      state: 'closed',
      counts: { ignored: 3, failure: {} },
      gauges: { inFlight: 0 },
    });
    await fail(policy, coded('ECONNREFUSED'));
    await clock.advance(100);
    const probing = new AbortController();
    const probe = policy.execute(hang, probing.signal).catch(() => {});
    probing.abort();
    await probe;
    expect(policy.state).toBe('half-open');
    await policy.execute(() => 1);
    await policy.execute(() => 1);
    expect(policy.state).toBe('closed');
  });

  test('an abort of a probe of a former state says nothing at once', async () => {
    const policy = breaker({ failureThreshold: 1, resetTimeout: 100 });
    await fail(policy, coded('ECONNREFUSED'));
    await clock.advance(100);
    const controller = new AbortController();
    void policy.execute(() => new Promise(() => {}), controller.signal).catch(() => {});
    policy.reset();
    controller.abort();
    expect(policy.snapshot().counts).toMatchObject({ ignored: 1, late: 1 });
  });

  test('a listener may abort the call that is being admitted: it says nothing, and its place is free', async () => {
    const policy = breaker({
      failureThreshold: 1,
      resetTimeout: 100,
      halfOpen: { permittedCalls: 1 },
    });
    const warnings: Error[] = [];
    const listen = (warning: Error): void => void warnings.push(warning);
    process.on('warning', listen);
    await fail(policy, coded('ECONNREFUSED'));
    await clock.advance(100);
    const controller = new AbortController();
    const listener = policy.onStateChange(() => controller.abort(new Error('gone')));
    const chain = compose(breaker(), policy);
    await expect(chain.execute(() => 'called', controller.signal)).rejects.toThrow('gone');
    listener.dispose();
    expect(policy.snapshot()).toMatchObject({
      state: 'half-open',
      counts: { ignored: 1 },
      gauges: { inFlight: 0 },
    });
    await policy.execute(() => 'ok');
    expect(policy.state).toBe('closed');
    await new Promise(setImmediate);
    process.off('warning', listen);
    expect(warnings).toEqual([]);
  });

  test("the callee's signal is aborted, and its end is waited for", async () => {
    const policy = breaker();
    const controller = new AbortController();
    const end = Promise.withResolvers<string>();
    let sawAbort = false;
    const call = policy.execute(({ signal }) => {
      signal.addEventListener('abort', () => (sawAbort = true), { once: true });
      return end.promise;
    }, controller.signal);
    controller.abort();
    expect([sawAbort, policy.snapshot().gauges.inFlight]).toEqual([true, 1]);
    end.resolve('finished anyway');
    await expect(call).resolves.toBe('finished anyway');
    expect(policy.snapshot()).toMatchObject({ counts: { ignored: 1 }, gauges: { inFlight: 0 } });
  });

  test.each([
    ['at half of it', {}, 500, 1],
    ['before half of it', {}, 499, 0],
    ['after slowCallDuration', { slowCallDuration: 300 }, 300, 1],
    ['before slowCallDuration', { slowCallDuration: 800 }, 799, 0],
    ['at half of it, where slowCallDuration is no shorter', { slowCallDuration: 1_000 }, 500, 1],
    ['at half of it, where slowCallDuration is longer', { slowCallDuration: 2_000 }, 500, 1],
    ['before half of it, where slowCallDuration is longer', { slowCallDuration: 2_000 }, 499, 0],
  ])('a timeout of ours further out counts once: %s', async (_name, options, ranMs, failures) => {
    const policy = breaker({ failureThreshold: 5, ...options });
    const controller = new AbortController();
    const call = policy.execute(hang, controller.signal).catch(() => {});
    await clock.advance(ranMs);
    controller.abort(new TimeoutError('request', 1_000));
    const { failure } = policy.snapshot().counts;
    expect(failure['timeout'] ?? 0).toBe(failures);
    await call;
    expect(policy.snapshot().counts.failure).toEqual(failure);
    expect(policy.snapshot().counts.ignored).toBe(1 - failures);
  });

  test('an abort by AbortSignal.timeout is the caller’s', async () => {
    const policy = breaker({ failureThreshold: 1 });
    const controller = new AbortController();
    const call = policy.execute(hang, controller.signal).catch(() => {});
    await clock.advance(5_000);
    controller.abort(new DOMException('timed out', 'TimeoutError'));
    await call;
    expect(policy.state).toBe('closed');
  });

  test('a signal that is aborted already never calls the function (58)', async () => {
    const policy = breaker();
    const reason = new Error('gone');
    let calls = 0;
    await expect(policy.execute(() => (calls += 1), AbortSignal.abort(reason))).rejects.toBe(
      reason,
    );
    expect([calls, policy.snapshot().counts.calls]).toEqual([0, 0]);
  });

  test('an aborted probe keeps its place while its work goes on, and its lease is no failure', async () => {
    using time = useManualClock();
    const policy = circuitBreaker({
      failureThreshold: 1,
      resetTimeout: 100,
      halfOpen: { permittedCalls: 1, maxWait: 1_000 },
    });
    await fail(policy, coded('ECONNREFUSED'));
    await time.advance(100);
    const controller = new AbortController();
    void policy.execute(() => new Promise(() => {}), controller.signal).catch(() => {});
    controller.abort();
    await expect(policy.execute(() => 1)).rejects.toMatchObject({ state: 'half-open' });
    await time.advance(1_000);
    await policy.execute(() => 1);
    expect(policy.state).toBe('closed');
  });

  test('works inside compose: a policy further out that aborts is seen', async () => {
    const policy = breaker({ failureThreshold: 1 });
    const controller = new AbortController();
    const call = compose(policy, breaker()).execute(hang, { signal: controller.signal });
    call.catch(() => {});
    await clock.advance(600);
    controller.abort(new TimeoutError('total', 1_000));
    expect(policy.state).toBe('open');
    await expect(call).rejects.toBeInstanceOf(TimeoutError);
  });
});
