import { DeadlineExceededError, LimitRejectedError, compose } from '@fournines/core';
import { manualClock } from '@fournines/core/testing';
import {
  ConsecutiveBreaker,
  TaskCancelledError,
  TimeoutStrategy,
  bulkhead as cockatielBulkhead,
  circuitBreaker,
  handleAll,
  timeout as cockatielTimeout,
} from 'cockatiel';
import { describe, expect, it } from 'vitest';
import { adaptiveLimit, adaptiveThrottle, bulkhead } from '../src/index.ts';

function boom(): never {
  throw new Error('a getter threw');
}

/** Errors that throw when they are looked at. */
const hostile = {
  'a getter that throws': () =>
    Object.defineProperties(new Error('odd'), {
      code: { get: boom },
      cause: { get: boom },
      isTaskCancelledError: { get: boom },
    }),
  'a response whose status throws': () =>
    Object.assign(new Error('odd'), {
      response: Object.defineProperty({}, 'status', { get: boom }),
    }),
  'a revoked proxy': () => {
    const { proxy, revoke } = Proxy.revocable(new Error('odd'), {});
    revoke();
    return proxy;
  },
  'a proxy whose traps throw': () =>
    new Proxy(new Error('odd'), { get: boom, has: boom, getPrototypeOf: boom }),
};

const policies = {
  aimd: () => adaptiveLimit({ initial: 5, max: 5 }),
  gradient: () => adaptiveLimit({ algorithm: 'gradient', initial: 5, max: 5 }),
  throttle: () => adaptiveThrottle(),
};

const cases = Object.keys(hostile).flatMap((error) =>
  Object.keys(policies).map((policy) => [policy, error] as const),
) as [keyof typeof policies, keyof typeof hostile][];

describe('outcomes that throw when they are looked at', () => {
  it.each(cases)('%s gives its slot back and passes on %s', async (kind, what) => {
    const policy = policies[kind]();
    const error = hostile[what]();
    for (let i = 0; i < 20; i++) {
      const isSame = await policy.execute(() => Promise.reject(error)).catch((e) => e === error);
      expect(isSame).toBe(true);
      const permit = policy.tryAcquire();
      expect(permit.granted).toBe(true);
      if (permit.granted) permit.failure(error);
    }
    expect(policy.snapshot().gauges.inFlight).toBe(0);
  });

  it('an abort whose reason cannot be looked at leaves the slot with the call until it has ended', async () => {
    for (const make of Object.values(policies)) {
      const policy = make();
      const controller = new AbortController();
      const work = Promise.withResolvers<string>();
      const call = policy.execute(({ signal }) => {
        void signal.aborted;
        return work.promise;
      }, controller.signal);
      controller.abort(hostile['a proxy whose traps throw']());
      expect(policy.snapshot().gauges.inFlight).toBe(1);
      work.resolve('late');
      await call.catch(() => {});
      expect(policy.snapshot().gauges.inFlight).toBe(0);
    }
  });

  it('leaves the policies around it what is theirs', async () => {
    const outer = bulkhead({ maxConcurrent: 2 });
    const chain = compose(outer, adaptiveLimit({ initial: 5 }));
    const error = hostile['a getter that throws']();
    for (let i = 0; i < 10; i++) {
      await expect(chain.execute(() => Promise.reject(error))).rejects.toBe(error);
    }
    expect(outer.snapshot().gauges.inFlight).toBe(0);
  });

  it('still sees the overload beside a field that throws', async () => {
    const policy = adaptiveLimit({ initial: 100 });
    const error = Object.defineProperty(Object.assign(new Error('busy'), { status: 503 }), 'code', {
      get: boom,
    });
    await expect(policy.execute(() => Promise.reject(error))).rejects.toBe(error);
    expect(policy.snapshot().gauges.limit).toBe(90);
  });
});

describe('adaptiveLimit gradient, whose source of chance fails', () => {
  it.each([
    ['throws', boom],
    ['answers NaN', () => Number.NaN],
    ['answers nothing', () => undefined as never],
  ])('keeps the outcome, gives the slot back and goes on probing: %s', async (_what, random) => {
    const clock = manualClock();
    const policy = adaptiveLimit({ algorithm: 'gradient', initial: 1, min: 1, random, clock });
    let probes = 0;
    using _ = policy.onLimitChange(({ from, to }) => {
      if (to * 2 <= from) probes += 1;
    });
    for (let i = 0; i < 12_000; i++) {
      const permits = Array.from({ length: 40 }, () => policy.tryAcquire());
      const running = permits.filter(({ granted }) => granted).length;
      await clock.advance(running > 4 ? running * 10 : 40);
      for (const permit of permits) if (permit.granted) permit.success('went well');
      if (probes > 4) break;
    }
    expect(probes).toBeGreaterThan(4);
    expect(policy.snapshot().gauges.inFlight).toBe(0);
    expect(await policy.execute(() => 'ok')).toBe('ok');
  });
});

describe("cockatiel's timeouts", () => {
  it('are overload to an adaptive limit and a throttle around them', async () => {
    const limit = adaptiveLimit({ initial: 20 });
    const throttle = adaptiveThrottle({ minPerSecond: 0 });
    const chain = compose(limit, throttle, cockatielTimeout(5, TimeoutStrategy.Aggressive));
    const calls = Array.from({ length: 20 }, () => chain.execute(() => new Promise(() => {})));
    for (const { status } of await Promise.allSettled(calls)) expect(status).toBe('rejected');
    expect(limit.snapshot().gauges.limit).toBe(18);
    expect(throttle.snapshot().gauges.rejectionRate).toBeGreaterThan(0.5);
  });

  it('are overload as a cause too, but a call that was never started is none', async () => {
    const limit = adaptiveLimit({ initial: 100 });
    const fail = (error: unknown): Promise<unknown> =>
      limit.execute(() => Promise.reject(error)).catch(() => {});
    await fail(new Error('wrapped', { cause: new DeadlineExceededError('t') }));
    await fail(new Error('wrapped', { cause: new LimitRejectedError('l', { reason: 'full' }) }));
    expect(limit.snapshot().gauges.limit).toBe(100);
    await fail(new Error('wrapped', { cause: new TaskCancelledError() }));
    expect(limit.snapshot().gauges.limit).toBe(90);
  });

  it('are overload also where the callee obeys their abort, as one made by hand is', async () => {
    for (const strategy of [TimeoutStrategy.Aggressive, TimeoutStrategy.Cooperative]) {
      const limit = adaptiveLimit({ initial: 20 });
      const chain = compose(limit, cockatielTimeout(5, strategy));
      await chain.execute(({ signal }) => fetchLike(signal)).catch(() => {});
      expect(limit.snapshot().gauges.limit).toBe(18);
    }
    const limit = adaptiveLimit({ initial: 20 });
    const byHand = new AbortController();
    const call = limit.execute(() => fetchLike(byHand.signal));
    byHand.abort();
    await call.catch(() => {});
    expect(limit.snapshot().gauges.limit).toBe(18);
  });

  it('but a Redis command whose connection was lost is an answer like any other error', async () => {
    const limit = adaptiveLimit({ initial: 20 });
    const lost = Object.assign(new Error('Command aborted due to connection close'), {
      name: 'AbortError',
      command: { name: 'get', args: ['k'] },
    });
    await limit.execute(() => Promise.reject(lost)).catch(() => {});
    expect(limit.snapshot().gauges.limit).toBe(20);
  });

  it('but the abort of the caller says nothing, of a call and of a permit', async () => {
    const limit = adaptiveLimit({ initial: 20 });
    const caller = new AbortController();
    const call = limit.execute(({ signal }) => fetchLike(signal), caller.signal);
    const permit = limit.tryAcquire({ signal: caller.signal });
    caller.abort();
    await call.catch(() => {});
    if (permit.granted) permit.failure(caller.signal.reason);
    expect(limit.snapshot().gauges).toMatchObject({ limit: 20, inFlight: 0 });
  });
});

/** Rejects as a client does whose signal is aborted. */
function fetchLike(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error));
  });
}

describe('refusals of cockatiel further in', () => {
  it('say nothing about the callee, nor is isOverload asked about them', async () => {
    const full = cockatielBulkhead(1);
    const open = circuitBreaker(handleAll, {
      halfOpenAfter: 1e9,
      breaker: new ConsecutiveBreaker(1),
    });
    await open.execute(() => Promise.reject(new Error('down'))).catch(() => {});
    let asked = 0;
    const limit = adaptiveLimit({ initial: 20, isOverload: () => (asked += 1) > 0 });
    const throttle = adaptiveThrottle({ minPerSecond: 0 });
    const gate = Promise.withResolvers<void>();
    const busy = full.execute(() => gate.promise);
    for (const inner of [full, open]) {
      const chain = compose(limit, throttle, inner);
      for (let i = 0; i < 50; i++) await chain.execute(() => 1).catch(() => {});
    }
    gate.resolve();
    await busy;
    expect([limit.snapshot().gauges.limit, asked]).toEqual([20, 0]);
    expect(throttle.snapshot().gauges.rejectionRate).toBe(0);
  });
});
