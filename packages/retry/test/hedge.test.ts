import { AsyncLocalStorage } from 'node:async_hooks';
import { getEventListeners } from 'node:events';
import { Readable } from 'node:stream';
import {
  BrokenCircuitError,
  LimitRejectedError,
  compose,
  definePolicy,
  stream,
} from '@fournines/core';
import { manualClock } from '@fournines/core/testing';
import { bulkhead, noop, wrap } from 'cockatiel';
import { afterEach, describe, expect, test, vi } from 'vitest';
import {
  type HedgeEvent,
  type HedgeOptions,
  SupersededError,
  hedge,
  retry,
  retryBudget,
} from '../src/index.ts';

const refused = (text = 'refused'): Error =>
  Object.assign(new Error(text), { code: 'ECONNREFUSED' });

function watched(options: Partial<HedgeOptions> = {}) {
  const clock = manualClock();
  const policy = hedge({ idempotent: true, delay: 100, clock, ...options });
  const hedges: HedgeEvent[] = [];
  policy.onHedge((event) => hedges.push(event));
  return { clock, policy, hedges };
}

/** A function whose attempts a test settles by hand. */
function manual() {
  const attempts: (PromiseWithResolvers<unknown> & { readonly signal: AbortSignal })[] = [];
  const fn = ({ signal }: { readonly signal: AbortSignal }): Promise<unknown> => {
    const attempt = { ...Promise.withResolvers<unknown>(), signal };
    attempts.push(attempt);
    return attempt.promise;
  };
  const at = (index: number): (typeof attempts)[number] => {
    const attempt = attempts[index];
    if (attempt === undefined) throw new Error(`attempt ${index} was not started`);
    return attempt;
  };
  return { fn, at, attempts };
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('when a hedge starts', () => {
  test('after the delay, and only when there is no answer yet', async () => {
    const { clock, policy, hedges } = watched();
    const quick = manual();
    const answered = policy.execute(quick.fn);
    await clock.advance(99);
    quick.at(0).resolve('quick');
    await expect(answered).resolves.toBe('quick');
    await clock.advance(100);
    expect(quick.attempts).toHaveLength(1);

    const slow = manual();
    const call = policy.execute(slow.fn);
    await clock.advance(100);
    expect(slow.attempts).toHaveLength(2);
    slow.at(1).resolve('hedge');
    await expect(call).resolves.toBe('hedge');
    expect(hedges).toMatchObject([{ type: 'hedge', attempt: 1, trigger: 'delay', at: 299 }]);
    expect(policy.snapshot()).toEqual({
      status: 'up',
      counts: { calls: 2, hedges: 1, won: 1 },
      gauges: { delayMs: 100 },
    });
  });

  test('each after another delay, up to maxHedges', async () => {
    const { clock, policy } = watched({ maxHedges: 2 });
    const { fn, attempts, at } = manual();
    const numbers: unknown[] = [];
    const call = policy.execute((context) => {
      numbers.push(context.attempt);
      return fn(context);
    });
    await clock.advance(199);
    expect(attempts).toHaveLength(2);
    await clock.advance(1);
    expect(attempts).toHaveLength(3);
    await clock.advance(1_000);
    expect(attempts).toHaveLength(3);
    expect(numbers).toEqual([0, 1, 2]);
    at(2).resolve('last');
    await expect(call).resolves.toBe('last');
  });

  test('a delay of 0 starts all at once', async () => {
    const { clock, policy } = watched({ delay: 0, maxHedges: 3 });
    const { fn, attempts, at } = manual();
    const call = policy.execute(fn);
    await clock.advance(0);
    expect(attempts).toHaveLength(4);
    at(3).resolve(1);
    await expect(call).resolves.toBe(1);
  });

  test('an infinite delay is sequential', async () => {
    const { clock, policy, hedges } = watched({ delay: Infinity });
    const { fn, attempts, at } = manual();
    const call = policy.execute(fn);
    await clock.advance(1_000_000);
    expect(attempts).toHaveLength(1);
    const error = refused();
    at(0).reject(error);
    await clock.advance(0);
    at(1).resolve('second');
    await expect(call).resolves.toBe('second');
    expect(hedges).toMatchObject([{ trigger: 'failure', error }]);
    expect(policy.snapshot().gauges).toEqual({});
  });

  test('by the measured quantile, once there are enough measurements', async () => {
    const { clock, policy } = watched({ delay: { quantile: 0.9, warmup: 10 } });
    const timed = async (ms: number): Promise<void> => {
      const { fn, at } = manual();
      const call = policy.execute(fn);
      await clock.advance(ms);
      at(0).resolve(1);
      await call;
    };
    for (let i = 0; i < 9; i++) await timed(10);
    const early = manual();
    const call = policy.execute(early.fn);
    await clock.advance(50);
    expect(early.attempts).toHaveLength(1);
    early.at(0).resolve(1);
    await call;

    expect(policy.snapshot().gauges.delayMs).toBeGreaterThanOrEqual(10);
    expect(policy.snapshot().gauges.delayMs).toBeLessThanOrEqual(10.7);
    const late = manual();
    const hedged = policy.execute(late.fn);
    await clock.advance(11);
    expect(late.attempts).toHaveLength(2);
    late.at(1).resolve(1);
    await hedged;

    await clock.advance(60_000);
    expect(policy.snapshot().gauges).toEqual({});
  });

  test('a measured delay is at least 1 ms', async () => {
    const { policy } = watched({ delay: { quantile: 0.5, warmup: 1 } });
    await policy.execute(() => 1);
    expect(policy.snapshot().gauges.delayMs).toBe(1);
  });

  test('a first attempt that was superseded is measured too, one that failed is not', async () => {
    const { clock, policy } = watched({ delay: { quantile: 0.99, warmup: 1 } });
    const failed = manual();
    const call = policy.execute(failed.fn);
    failed.at(0).reject(refused());
    await clock.advance(50);
    failed.at(1).resolve('hedge');
    await expect(call).resolves.toBe('hedge');
    expect(policy.snapshot().gauges).toEqual({});

    const quick = manual();
    const first = policy.execute(quick.fn);
    await clock.advance(10);
    quick.at(0).resolve(1);
    await first;
    await clock.advance(1_000);
    const slow = manual();
    const second = policy.execute(slow.fn);
    await clock.advance(100);
    slow.at(1).resolve('hedge');
    await second;
    await clock.advance(1_000);
    expect(policy.snapshot().gauges.delayMs).toBeGreaterThanOrEqual(100);
  });

  test('not while the budget is empty: the original goes on', async () => {
    const clock = manualClock();
    const budget = retryBudget({ ratio: 0, minPerSecond: 0, clock });
    const { policy } = watched({ clock, budget });
    const { fn, attempts, at } = manual();
    const call = policy.execute(fn);
    await clock.advance(1_000);
    expect(attempts).toHaveLength(1);
    at(0).resolve('original');
    await expect(call).resolves.toBe('original');
  });

  test('not for a call that says it is not idempotent', async () => {
    const { clock, policy } = watched();
    const { fn, attempts, at } = manual();
    const call = policy.execute(fn, { idempotent: false });
    await clock.advance(1_000);
    expect(attempts).toHaveLength(1);
    at(0).reject(refused());
    await expect(call).rejects.toThrow('refused');
    expect(attempts).toHaveLength(1);
  });

  test('not after the caller has aborted', async () => {
    const { clock, policy } = watched();
    const { fn, attempts, at } = manual();
    const controller = new AbortController();
    const call = policy.execute(fn, controller.signal);
    await clock.advance(50);
    const reason = new Error('enough');
    controller.abort(reason);
    expect(at(0).signal.reason).toBe(reason);
    await clock.advance(100);
    expect(attempts).toHaveLength(1);
    at(0).reject(refused('late'));
    await expect(call).rejects.toThrow('late');
    expect(attempts).toHaveLength(1);
  });

  test('not for a stream that has delivered its first chunk', async () => {
    const { clock, policy } = watched();
    let opened = 0;
    const more = Promise.withResolvers<void>();
    const read = stream(policy, async function* () {
      opened += 1;
      yield 1;
      await more.promise;
      yield 2;
    })[Symbol.asyncIterator]();
    await expect(read.next()).resolves.toEqual({ done: false, value: 1 });
    const next = read.next();
    await clock.advance(1_000);
    expect(opened).toBe(1);
    more.resolve();
    await expect(next).resolves.toEqual({ done: false, value: 2 });
    await expect(read.next()).resolves.toMatchObject({ done: true });
  });
});

describe('who wins', () => {
  test('the first success; losers are aborted as superseded and the caller sees nothing of it', async () => {
    const { clock, policy } = watched({ maxHedges: 2 });
    const { fn, at } = manual();
    const call = policy.execute(fn);
    await clock.advance(200);
    const signals = [at(0).signal, at(1).signal, at(2).signal];
    at(1).resolve('second');
    await expect(call).resolves.toBe('second');
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false, true]);
    expect(signals[0]?.reason).toBeInstanceOf(SupersededError);
    expect(signals[0]?.reason).toMatchObject({
      name: 'SupersededError',
      code: 'ABORT_ERR',
      policy: policy.name,
    });
    at(0).reject(signals[0]?.reason);
    at(2).reject(signals[2]?.reason);
    await clock.advance(0);
  });

  test('the primary too: its hedges are aborted, its own signal is not', async () => {
    const { clock, policy } = watched();
    const { fn, at } = manual();
    const call = policy.execute(fn);
    await clock.advance(100);
    const [own, other] = [at(0).signal, at(1).signal];
    at(0).resolve('first');
    await expect(call).resolves.toBe('first');
    expect([own.aborted, other.aborted]).toEqual([false, true]);
    expect(policy.snapshot().counts).toMatchObject({ hedges: 1, won: 0 });
  });

  test("losers' results are disposed of", async () => {
    const { clock, policy } = watched({ maxHedges: 3 });
    const { fn, at } = manual();
    const call = policy.execute(fn);
    await clock.advance(300);
    at(3).resolve('won');
    await call;
    const released: string[] = [];
    at(0).resolve({ [Symbol.dispose]: () => released.push('dispose') });
    at(1).resolve({ [Symbol.asyncDispose]: async () => released.push('asyncDispose') });
    const body = new ReadableStream({ cancel: () => void released.push('body') });
    at(2).resolve(new Response(body));
    await clock.advance(0);
    expect(released.toSorted()).toEqual(['asyncDispose', 'body', 'dispose']);
  });

  test('a loser that is a Node stream is destroyed, and its end disturbs nobody', async () => {
    const { clock, policy } = watched();
    const { fn, at } = manual();
    const call = policy.execute(fn);
    await clock.advance(100);
    at(1).resolve('won');
    await call;
    const body = new Readable({
      read: () => {},
      destroy: (_error, done) => done(new Error('cut off')),
    });
    at(0).resolve({ body });
    await clock.advance(0);
    expect(body.destroyed).toBe(true);
    expect(body.listenerCount('error')).toBe(1);
  });

  test('a disposal that fails is nobody’s business', async () => {
    const { clock, policy } = watched({ maxHedges: 2 });
    const { fn, at } = manual();
    const call = policy.execute(fn);
    await clock.advance(200);
    at(2).resolve('won');
    await expect(call).resolves.toBe('won');
    at(0).resolve({
      [Symbol.dispose]: () => {
        throw new Error('bug');
      },
    });
    at(1).resolve({ [Symbol.asyncDispose]: () => Promise.reject(new Error('bug')) });
    await clock.advance(0);
  });
});

describe('failures', () => {
  test('a transient failure starts the next attempt at once', async () => {
    const { clock, policy } = watched();
    const { fn, attempts, at } = manual();
    const call = policy.execute(fn);
    await clock.advance(10);
    at(0).reject(refused());
    await clock.advance(0);
    expect(attempts).toHaveLength(2);
    at(1).resolve('hedge');
    await expect(call).resolves.toBe('hedge');
  });

  test('one that no repetition can help ends the call and aborts the others', async () => {
    const { clock, policy } = watched();
    const { fn, at } = manual();
    const call = policy.execute(fn);
    await clock.advance(100);
    const { signal } = at(0);
    const error = new Error('bug');
    at(1).reject(error);
    await expect(call).rejects.toBe(error);
    expect(signal.reason).toBeInstanceOf(SupersededError);
    at(0).resolve('too late');
    await clock.advance(0);
  });

  test("the primary's error when all fail, in either order", async () => {
    for (const order of [
      [0, 1],
      [1, 0],
    ]) {
      const { clock, policy } = watched();
      const { fn, at } = manual();
      const call = policy.execute(fn);
      call.catch(() => {});
      await clock.advance(100);
      const errors = [refused('primary'), refused('hedge')];
      for (const index of order) {
        at(index).reject(errors[index]);
        await clock.advance(0);
      }
      await expect(call).rejects.toBe(errors[0]);
    }
  });

  test('a server that asks for patience shifts the next attempt', async () => {
    const { clock, policy } = watched({ maxHedges: 2 });
    const { fn, attempts, at } = manual();
    const call = policy.execute(fn);
    await clock.advance(100);
    at(1).reject(
      Object.assign(new Error('busy'), { status: 429, headers: { 'retry-after': '1' } }),
    );
    await clock.advance(999);
    expect(attempts).toHaveLength(2);
    await clock.advance(1);
    expect(attempts).toHaveLength(3);
    at(2).resolve('third');
    await expect(call).resolves.toBe('third');
  });

  test('but never to before the delay', async () => {
    const { clock, policy } = watched({ maxHedges: 2 });
    const { fn, attempts, at } = manual();
    const call = policy.execute(fn);
    await clock.advance(100);
    const headers = { 'retry-after-ms': '20' };
    at(1).reject(Object.assign(new Error('busy'), { status: 429, headers }));
    await clock.advance(99);
    expect(attempts).toHaveLength(2);
    await clock.advance(1);
    expect(attempts).toHaveLength(3);
    at(2).resolve(1);
    await call;
  });

  test('a used-up body does not end the attempt that sends it', async () => {
    const { clock, policy } = watched();
    const { fn, at } = manual();
    const call = policy.execute(fn);
    await clock.advance(100);
    at(1).reject(new TypeError('Response body object should not be disturbed or locked'));
    await clock.advance(0);
    at(0).resolve('sent');
    await expect(call).resolves.toBe('sent');
  });

  test('a classifier that throws ends the call, reported once', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const { policy } = watched({
      classify: () => {
        throw new Error('bug');
      },
    });
    const error = refused();
    await expect(policy.execute(() => Promise.reject(error))).rejects.toBe(error);
    await expect(policy.execute(() => Promise.reject(error))).rejects.toBe(error);
    expect(warn).toHaveBeenCalledTimes(1);
  });

  test('synchronous ones too', async () => {
    const { policy } = watched();
    const errors = [refused('first'), refused('second')];
    let calls = 0;
    const fn = (): never => {
      throw errors[calls++];
    };
    await expect(policy.execute(fn)).rejects.toBe(errors[0]);
    expect(calls).toBe(2);
  });
});

describe('a breaker or a limiter further in', () => {
  const refusing = (error: () => Error) => {
    let isRefusing = false;
    const policy = definePolicy({
      kind: 'gate',
      enter: () => {
        if (isRefusing) throw error();
      },
    });
    return { policy, refuse: (value: boolean) => (isRefusing = value) };
  };

  test('a refusal of the breaker stops hedging for as long as it is open', async () => {
    const { clock, policy, hedges } = watched({ maxHedges: 3 });
    const gate = refusing(
      () => new BrokenCircuitError('db', { state: 'open', retryAfterMs: 5_000 }),
    );
    const chain = compose(policy, gate.policy);
    const first = manual();
    const call = chain.execute(first.fn);
    gate.refuse(true);
    await clock.advance(1_000);
    expect(hedges).toHaveLength(1);
    first.at(0).resolve('original');
    await expect(call).resolves.toBe('original');

    gate.refuse(false);
    const second = manual();
    const unhedged = chain.execute(second.fn);
    await clock.advance(1_000);
    expect(second.attempts).toHaveLength(1);
    second.at(0).resolve(1);
    await unhedged;

    await clock.advance(5_000);
    const third = manual();
    const hedged = chain.execute(third.fn);
    await clock.advance(100);
    expect(third.attempts).toHaveLength(2);
    third.at(1).resolve(1);
    await hedged;
  });

  test('a refusal of the breaker is the outcome when nothing else runs', async () => {
    const { policy, hedges } = watched();
    const gate = refusing(
      () => new BrokenCircuitError('db', { state: 'open', retryAfterMs: 5_000 }),
    );
    gate.refuse(true);
    await expect(compose(policy, gate.policy).execute(() => 1)).rejects.toThrow('open');
    expect(hedges).toEqual([]);
  });

  test('a refusal of the breaker pauses hedging for 30 s at most: it may be closed by hand', async () => {
    const { clock, policy, hedges } = watched();
    const gate = refusing(
      () => new BrokenCircuitError('db', { state: 'open', retryAfterMs: 600_000 }),
    );
    const chain = compose(policy, gate.policy);
    gate.refuse(true);
    await expect(chain.execute(() => 1)).rejects.toThrow('open');
    gate.refuse(false);
    for (const [wait, expected] of [
      [29_000, 0],
      [1_000, 1],
    ] as const) {
      await clock.advance(wait);
      const { fn, at } = manual();
      const call = chain.execute(fn);
      await clock.advance(100);
      at(0).resolve(1);
      await call;
      expect(hedges).toHaveLength(expected);
    }
  });

  test("so does a refusal of cockatiel's bulkhead for its call, as a limiter's", async () => {
    const { clock, policy, hedges } = watched({ maxHedges: 3 });
    const { fn, at } = manual();
    const call = compose(policy, bulkhead(1)).execute(fn);
    await clock.advance(1_000);
    expect(hedges).toHaveLength(1);
    at(0).resolve('original');
    await expect(call).resolves.toBe('original');
  });

  test('a refusal of a limiter stops hedging for this call', async () => {
    const { clock, policy, hedges } = watched({ maxHedges: 3 });
    const gate = refusing(() => new LimitRejectedError('slots', { reason: 'full' }));
    const { fn, at } = manual();
    const call = compose(policy, gate.policy).execute(fn);
    gate.refuse(true);
    await clock.advance(1_000);
    expect(hedges).toHaveLength(1);
    at(0).resolve('original');
    await expect(call).resolves.toBe('original');
  });
});

describe('in a chain', () => {
  test('inside of retry, with one budget: a call earns its share once', async () => {
    const clock = manualClock();
    const budget = retryBudget({ ratio: 1, minPerSecond: 0, clock });
    const { policy } = watched({ clock, budget });
    const chain = compose(retry({ clock, budget }), policy);
    await chain.execute(() => 1);
    expect(budget.balance).toBe(1);
    await policy.execute(() => 1);
    expect(budget.balance).toBe(2);
  });

  test('retry repeats what all attempts failed with', async () => {
    const { clock, policy } = watched();
    const chain = compose(retry({ clock }), policy);
    let calls = 0;
    const call = chain.execute(async () => {
      calls += 1;
      if (calls < 4) throw refused();
      return 'ok';
    });
    await clock.advance(1_000);
    await expect(call).resolves.toBe('ok');
    expect(calls).toBe(4);
  });

  test("works under cockatiel's wrap, outside and inside", async () => {
    for (const chain of [
      (p: ReturnType<typeof hedge>) => wrap(p, noop),
      (p: ReturnType<typeof hedge>) => wrap(noop, p),
    ]) {
      const { clock, policy } = watched();
      const { fn, at } = manual();
      const call = chain(policy).execute(fn);
      await clock.advance(100);
      const { signal } = at(0);
      at(1).resolve('hedge');
      await expect(call).resolves.toBe('hedge');
      expect(signal.aborted).toBe(true);
    }
  });

  test('a hedge runs in the asynchronous context of its own call', async () => {
    const storage = new AsyncLocalStorage<string>();
    const { clock, policy } = watched();
    const seen: unknown[] = [];
    const start = (id: string): Promise<unknown> =>
      storage.run(id, () =>
        policy.execute(({ attempt }) => {
          seen.push([id, storage.getStore()]);
          return attempt === 0 ? new Promise(() => {}) : id;
        }),
      );
    const calls = [start('a'), start('b')];
    await clock.advance(100);
    await expect(Promise.all(calls)).resolves.toEqual(['a', 'b']);
    expect(seen).toEqual([
      ['a', 'a'],
      ['b', 'b'],
      ['a', 'a'],
      ['b', 'b'],
    ]);
  });

  test('nothing is left behind on the signal or the clock', async () => {
    const { clock, policy } = watched();
    const controller = new AbortController();
    const { fn, at } = manual();
    const call = policy.execute(fn, controller.signal);
    await clock.advance(100);
    at(1).resolve(1);
    await call;
    at(0).reject(new Error('late'));
    await clock.advance(1_000);
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
    expect(clock.timers).toBe(0);
  });
});

describe('options', () => {
  test.each([
    [{}, 'hedge: idempotent must be true: a hedged call runs more than once, got undefined'],
    [
      { idempotent: false },
      'hedge: idempotent must be true: a hedged call runs more than once, got false',
    ],
    [{ idempotent: true, delay: -1 }, 'hedge: delay must be >= 0 (Infinity is allowed), got -1'],
    [
      { idempotent: true, delay: { quantile: 1 } },
      'hedge: delay.quantile must be > 0 and < 1, got 1',
    ],
    [
      { idempotent: true, delay: { warmup: 0 } },
      'hedge: delay.warmup must be an integer >= 1, got 0',
    ],
    [{ idempotent: true, delay: null }, 'hedge: delay: options must be an object, got null'],
    [
      { idempotent: true, maxHedges: null },
      'hedge: maxHedges must be an integer >= 1 and <= 10, got null',
    ],
    [{ idempotent: true, classify: null }, 'hedge: classify must be a function, got null'],
    [
      { idempotent: true, delay: { warmup: null } },
      'hedge: delay.warmup must be an integer >= 1, got null',
    ],
    [
      { idempotent: true, delay: { quantile: null } },
      'hedge: delay.quantile must be > 0 and <= 1, got null',
    ],
    [{ idempotent: true, delay: { percentile: 1 } }, "hedge: delay: unknown option 'percentile'"],
    [
      { idempotent: true, maxHedges: 11 },
      'hedge: maxHedges must be an integer >= 1 and <= 10, got 11',
    ],
    [
      { idempotent: true, budget: 3 },
      'hedge: budget must be a retryBudget(…) or false, got number',
    ],
    [{ idempotent: true, hedges: 3 }, "hedge: unknown option 'hedges'"],
  ])('%j is refused', (options, message) => {
    expect(() => hedge(options as unknown as HedgeOptions)).toThrow(message);
  });
});
