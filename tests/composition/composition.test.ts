import { channel } from 'node:diagnostics_channel';
import { circuitBreaker } from '@fournines/breaker';
import { type AnyPolicy, compose, fallback, isResilienceError, stream } from '@fournines/core';
import { type ManualClock, manualClock, seededRandom } from '@fournines/core/testing';
import { isBreakerFailure, isTransient } from '@fournines/error-classification';
import { bulkhead } from '@fournines/limiter';
import { exponential, retry, retryInfo } from '@fournines/retry';
import { timeout } from '@fournines/timeout';
import * as cockatiel from 'cockatiel';
import { beforeEach, describe, expect, test } from 'vitest';

let clock: ManualClock;
const random = seededRandom(1);
const backoff = exponential({ initial: 10, jitter: 'none' });

beforeEach(() => {
  clock = manualClock();
});

const never = (): Promise<never> => new Promise(() => {});
const refused = (): Error => Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });

async function outcomeOf(call: Promise<unknown>): Promise<unknown> {
  return call.catch((error: unknown) => error);
}

describe('the usual order: fallback, timeout, retry, breaker, timeout, limiter', () => {
  const chain = (breaker = circuitBreaker({ clock, random, failureThreshold: 3 })) => ({
    breaker,
    policy: compose(
      fallback(isTransient, 'stand-in', { clock }),
      timeout({ duration: 1_000, clock }),
      retry({ maxAttempts: 3, backoff, clock, random, idempotent: true }),
      breaker,
      timeout({ duration: 100, clock }),
      bulkhead({ maxConcurrent: 10, clock }),
    ),
  });

  test('recovers from a failure that another try mends', async () => {
    let attempts = 0;
    const call = chain().policy.execute(async ({ attempt }) => {
      attempts += 1;
      if (attempt < 2) throw refused();
      return attempt;
    });
    await clock.advance(100);
    expect(await call).toBe(2);
    expect(attempts).toBe(3);
  });

  test('three timed-out attempts trip the breaker, and the next call is refused at once', async () => {
    const { breaker, policy } = chain();
    const call = outcomeOf(policy.execute(never));
    await clock.advance(1_000);
    expect(await call).toMatchObject({ code: 'ETIMEDOUT', durationMs: 100 });
    expect(breaker.state).toBe('open');
    const started = clock.now();
    expect(await policy.execute(async () => 'unreachable')).toBe('stand-in');
    expect(clock.now()).toBe(started);
  });

  test('a slot follows the work: callees that ignore their abort never run more than the limit', async () => {
    let running = 0;
    let most = 0;
    const policy = compose(timeout({ duration: 10, clock }), bulkhead({ maxConcurrent: 2, clock }));
    const work = (): Promise<void> => {
      running += 1;
      most = Math.max(most, running);
      return new Promise((resolve) => {
        clock.setTimeout(() => {
          running -= 1;
          resolve();
        }, 100);
      });
    };
    const calls = Array.from({ length: 20 }, () => outcomeOf(policy.execute(work)));
    await clock.advance(300);
    await Promise.all(calls);
    expect(most).toBe(2);
  });

  test('an attempt whose time runs out in the queue was never started, and no breaker counts it', async () => {
    const breaker = circuitBreaker({ clock, random, failureThreshold: 1 });
    const policy = compose(
      breaker,
      timeout({ duration: 10, clock }),
      bulkhead({ maxConcurrent: 1, maxQueue: 5, clock }),
    );
    const gate = Promise.withResolvers<string>();
    const busy = outcomeOf(policy.execute(() => gate.promise));
    const queued = outcomeOf(policy.execute(async () => 'never'));
    await clock.advance(10);
    expect(await queued).toMatchObject({ code: 'EDEADLINE' });
    gate.resolve('done');
    // The first call's own attempt ran out of time: that one the breaker did count.
    expect(await busy).toMatchObject({ code: 'ETIMEDOUT' });
    expect(breaker.snapshot().counts).toMatchObject({ failure: { timeout: 1 }, ignored: 1 });
  });
});

describe('breaker and timeout', () => {
  test('a black hole behind compose(timeout, breaker) trips it', async () => {
    const breaker = circuitBreaker({ clock, random, failureThreshold: 3 });
    const policy = compose(timeout({ duration: 100, clock }), breaker);
    for (let call = 0; call < 3; call += 1) {
      const lost = outcomeOf(policy.execute(never));
      await clock.advance(100);
      expect(await lost).toMatchObject({ code: 'ETIMEDOUT' });
    }
    expect(breaker.state).toBe('open');
  });

  test('the caller’s own abort is never the dependency’s failure', async () => {
    const breaker = circuitBreaker({ clock, random, failureThreshold: 1 });
    const policy = compose(breaker, timeout({ duration: 1_000, clock }));
    const controller = new AbortController();
    const call = outcomeOf(policy.execute(never, controller.signal));
    await clock.advance(900);
    controller.abort('gone');
    expect(await call).toBe('gone');
    expect(breaker.state).toBe('closed');
  });
});

describe('retry and breaker', () => {
  const open = () => circuitBreaker({ clock, random, failureThreshold: 1, resetTimeout: 500 });

  test('an open circuit is given up on at once without a deadline', async () => {
    const breaker = open();
    const policy = compose(retry({ maxAttempts: 5, backoff, clock, random }), breaker);
    const error = await (async () => {
      const call = outcomeOf(policy.execute(() => Promise.reject(refused())));
      await clock.advance(10);
      return call;
    })();
    expect(error).toMatchObject({ code: 'ECIRCUITOPEN' });
    expect(retryInfo(error)?.reason).toBe('breaker');
    expect(clock.now()).toBe(10);
  });

  test('an open circuit is waited for under a deadline that leaves room', async () => {
    const breaker = open();
    const policy = compose(
      timeout({ duration: 5_000, clock }),
      retry({ maxAttempts: 5, backoff, clock, random }),
      breaker,
    );
    let attempts = 0;
    const call = policy.execute(() => {
      attempts += 1;
      return attempts === 1 ? Promise.reject(refused()) : Promise.resolve('back');
    });
    await clock.advance(2_000);
    expect(await call).toBe('back');
    expect(attempts).toBe(2);
  });
});

describe('streams', () => {
  test('are retried before their first chunk, never after it', async () => {
    const policy = compose(
      retry({ maxAttempts: 3, idempotent: true, backoff: exponential({ initial: 0 }) }),
    );
    let opened = 0;
    const source = async function* (): AsyncGenerator<number> {
      opened += 1;
      if (opened === 1) throw refused();
      yield 1;
      throw refused();
    };
    const seen: number[] = [];
    const read = async (): Promise<void> => {
      for await (const chunk of stream(policy, source)) seen.push(chunk);
    };
    await expect(read()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    expect({ seen, opened }).toEqual({ seen: [1], opened: 2 });
  });
});

describe('with cockatiel', () => {
  test('ours and theirs nest in any order, and each sees the other’s errors by its guards', async () => {
    const breaker = () => circuitBreaker({ clock, random, failureThreshold: 1 });
    const filters = [cockatiel.handleWhen(isBreakerFailure), cockatiel.handleAll];
    for (const filter of filters) {
      const theirs = cockatiel.retry(filter, {
        maxAttempts: 1,
        backoff: new cockatiel.ConstantBackoff(0),
      });
      const nested: AnyPolicy[] = [
        compose(theirs, breaker(), timeout({ duration: 100, clock })),
        cockatiel.wrap(theirs, breaker(), timeout({ duration: 100, clock })),
        compose(cockatiel.noop, cockatiel.wrap(breaker(), theirs)),
      ];
      for (const policy of nested) {
        await outcomeOf(policy.execute(() => Promise.reject(refused())));
        const error = await outcomeOf(policy.execute(() => Promise.resolve(1)));
        expect(isResilienceError(error)).toBe(true);
        expect(cockatiel.isBrokenCircuitError(error)).toBe(true);
      }
    }
  });
});

test('every event reaches a tracer through diagnostics_channel', async () => {
  const seen: string[] = [];
  const listen = (message: unknown): void => {
    const { component, event } = message as {
      component: { name: string };
      event: { type: string };
    };
    seen.push(`${component.name} ${event.type}`);
  };
  const channels = [
    'fournines:retry:retry',
    'fournines:circuit-breaker:state-change',
    'fournines:timeout:timeout',
  ];
  for (const name of channels) channel(name).subscribe(listen);
  const policy = compose(
    retry({ name: 'again', maxAttempts: 2, idempotent: true, backoff, clock, random }),
    circuitBreaker({ name: 'circuit', failureThreshold: 2, clock, random }),
    timeout({ name: 'limit', duration: 100, clock }),
  );
  const call = outcomeOf(policy.execute(never));
  await clock.advance(1_000);
  await call;
  for (const name of channels) channel(name).unsubscribe(listen);
  expect(seen).toEqual(['limit timeout', 'again retry', 'limit timeout', 'circuit state-change']);
});
