import { BrokenCircuitError, DeadlineExceededError, compose } from '@fournines/core';
import { type ManualClock, manualClock } from '@fournines/core/testing';
import { bulkhead } from '@fournines/limiter';
import * as cockatiel from 'cockatiel';
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

const coded = (code: string): Error => Object.assign(new Error(code), { code });
const breaker = (options: CircuitBreakerOptions = {}): CircuitBreaker =>
  circuitBreaker({ name: 'db', clock, failureThreshold: 3, ...options });
const fail = (policy: CircuitBreaker, error: unknown): Promise<unknown> =>
  policy.execute(() => Promise.reject(error)).catch((thrown: unknown) => thrown);

describe('a refusal further in is no failure, whatever filter is given (60)', () => {
  const everything: Record<string, CircuitBreakerOptions> = {
    'handle: handleAll': { handle: cockatiel.handleAll },
    'expectedErrors: everything': { expectedErrors: () => true },
    'expectedErrors: a list that names its cause': { expectedErrors: ['ECONNREFUSED'] },
    'classify: everything': {
      classify: (error) => ({
        category: 'internal',
        severity: 'high',
        retryable: 'no',
        breakerFailure: true,
        httpStatus: 503,
        error,
      }),
    },
  };
  const cockatielOpen = cockatiel.circuitBreaker(cockatiel.handleAll, {
    halfOpenAfter: 60_000,
    breaker: new cockatiel.ConsecutiveBreaker(1),
  });
  cockatielOpen.isolate();
  const inner: Record<string, () => cockatiel.IPolicy> = {
    'our bulkhead': () => {
      const full = bulkhead({ maxConcurrent: 1, maxQueue: 0, clock });
      full.tryAcquire();
      return full;
    },
    'our breaker, open for a failure': () => {
      const open = circuitBreaker({ failureThreshold: 1, clock });
      const permit = open.tryAcquire();
      if (permit.granted) permit.failure(coded('ECONNREFUSED'));
      return open;
    },
    'cockatiel’s bulkhead': () => {
      const full = cockatiel.bulkhead(1, 0);
      void full.execute(() => new Promise(() => {}));
      return full;
    },
    'cockatiel’s breaker': () => cockatielOpen,
  };

  describe.each(Object.entries(everything))('%s', (_filter, options) => {
    test.each(Object.entries(inner))('%s', async (_refuser, make) => {
      const ours = breaker(options);
      const chain = compose(ours, make());
      for (let i = 0; i < 4; i++) {
        await expect(chain.execute(() => 'not called')).rejects.toThrow();
      }
      expect(ours.snapshot()).toMatchObject({ state: 'closed', counts: { ignored: 4 } });
    });

    test('a call that was never started', async () => {
      const ours = breaker(options);
      for (let i = 0; i < 4; i++) await fail(ours, new DeadlineExceededError('queue'));
      expect(ours.snapshot().counts.ignored).toBe(4);
    });
  });

  test('but for a list that names the code of the refusal itself', async () => {
    const ours = breaker({ expectedErrors: ['ECIRCUITOPEN'] });
    for (let i = 0; i < 3; i++) {
      await fail(ours, new BrokenCircuitError('inner', { state: 'open', retryAfterMs: 1 }));
    }
    expect(ours.lastTrip?.failures).toEqual({ refused: 3 });
  });
});

describe('an abort that is not the caller’s', () => {
  /** What a callee does that has a timeout of its own making. */
  const timedByHand = (ms: number) => async (): Promise<never> => {
    const controller = new AbortController();
    clock.setTimeout(() => controller.abort(), ms);
    return new Promise((_resolve, reject) => {
      controller.signal.addEventListener('abort', () => reject(controller.signal.reason), {
        once: true,
      });
    });
  };

  test('is a failure: a black hole behind a timeout made by hand trips the preset', async () => {
    const ours = breaker(breakerPresets.http);
    for (let i = 0; i < 5; i++) {
      expect(ours.state).toBe('closed');
      const call = ours.execute(timedByHand(5_000)).catch(() => {});
      await clock.advance(5_000);
      await call;
    }
    expect(ours.lastTrip?.failures).toEqual({ cancelled: 5 });
  });

  test('of a callee that obeys cockatiel’s timeout further in is a failure', async () => {
    const ours = circuitBreaker({ failureThreshold: 2 });
    const chain = compose(ours, cockatiel.timeout(5, cockatiel.TimeoutStrategy.Cooperative));
    const obeys = ({ signal }: { signal: AbortSignal }): Promise<never> =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(new DOMException('aborted', 'AbortError')));
      });
    await chain.execute(obeys).catch(() => {});
    await chain.execute(obeys).catch(() => {});
    expect(ours.state).toBe('open');
  });

  test.each([
    ['the DOM’s', new DOMException('aborted', 'AbortError')],
    ['Node’s', coded('ABORT_ERR')],
    ['axios’', Object.assign(coded('ERR_CANCELED'), { name: 'CanceledError' })],
    ['undici’s', coded('UND_ERR_ABORTED')],
    ['further in', new Error('wrapped', { cause: new DOMException('aborted', 'AbortError') })],
  ])('%s', async (_whose, error) => {
    const ours = breaker({ failureThreshold: 1 });
    await fail(ours, error);
    expect([ours.state, ours.lastTrip?.failures]).toEqual(['open', { cancelled: 1 }]);
  });

  test.each([
    ['a pool that was ended here', new Error('Cannot use a pool after calling end on the pool')],
    ['a client that was closed here', coded('UND_ERR_CLOSED')],
    [
      'a hedge whose other attempt was faster',
      Object.assign(coded('ABORT_ERR'), { name: 'SupersededError' }),
    ],
  ])('is something else than %s, which says nothing', async (_name, error) => {
    const ours = breaker({ failureThreshold: 1 });
    await fail(ours, error);
    expect(ours.snapshot()).toMatchObject({ state: 'closed', counts: { ignored: 1 } });
  });

  test('the caller’s own stays ignored, also when it comes back as an AbortError', async () => {
    const ours = breaker({ failureThreshold: 1 });
    const controller = new AbortController();
    const call = ours.execute(
      ({ signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(new DOMException('x', 'AbortError')));
        }),
      controller.signal,
    );
    controller.abort();
    await call.catch(() => {});
    const permit = ours.tryAcquire({ signal: controller.signal });
    if (permit.granted) permit.failure(new DOMException('x', 'AbortError'));
    expect(ours.snapshot()).toMatchObject({ state: 'closed', counts: { ignored: 2 } });
  });
});
