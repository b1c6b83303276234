import { type CircuitBreaker, circuitBreaker, circuitBreakers } from '@fournines/breaker';
import { type AnyPolicy, compose } from '@fournines/core';
import { type ManualClock, manualClock } from '@fournines/core/testing';
import { bulkhead } from '@fournines/limiter';
import { hedge } from '@fournines/retry';
import { timeout } from '@fournines/timeout';
import { noop, wrap } from 'cockatiel';
import { describe, expect, test } from 'vitest';

const refused = (): Error => Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });

const RESET = 1_000;
const OPTIONS = { failureThreshold: 1, resetTimeout: RESET, halfOpen: { permittedCalls: 3 } };

describe('a hedge outside of a breaker', () => {
  /** Everything of the chain, and how many attempts a call of 100 ms takes: it is hedged after 10. */
  function made(chain: (hedging: AnyPolicy, breaker: AnyPolicy, group: AnyPolicy) => AnyPolicy) {
    const clock: ManualClock = manualClock();
    const breaker: CircuitBreaker = circuitBreaker({ clock, ...OPTIONS });
    const group = circuitBreakers(() => ({ clock, ...OPTIONS }), { clock });
    const hedging = hedge({ idempotent: true, delay: 10, clock, budget: false });
    const policy = chain(hedging, breaker, group);
    const attempts = async (key = ''): Promise<number> => {
      let running = 0;
      const call = policy.execute(
        () => {
          running += 1;
          return new Promise<void>((resolve) => void clock.setTimeout(resolve, 100));
        },
        { key } as never,
      );
      const settled = call.catch(() => {});
      await clock.advance(100);
      await settled;
      await clock.advance(100);
      return running;
    };
    const open = (one: AnyPolicy, key = ''): Promise<unknown> =>
      one.execute(() => Promise.reject(refused()), { key } as never).catch(() => {});
    return { clock, breaker, group, hedging, attempts, open };
  }

  test.each<[string, Parameters<typeof made>[0]]>([
    ['compose(hedge, breaker)', (hedging, breaker) => compose(hedging, breaker)],
    ["compose(hedge, cockatiel's, breaker)", (hedging, breaker) => compose(hedging, noop, breaker)],
    ['compose(hedge, compose(breaker))', (hedging, breaker) => compose(hedging, compose(breaker))],
  ])('sends one probe while that is half-open, not two: %s', async (_name, chain) => {
    const { clock, breaker, attempts, open } = made(chain);
    expect(await attempts()).toBe(2);
    await open(breaker);
    await clock.advance(RESET);
    expect(await attempts()).toBe(1);
    expect(breaker.state).toBe('half-open');
    expect(await attempts()).toBe(1);
    expect(breaker.state).toBe('closed');
    expect(await attempts()).toBe(2);
  });

  test('starts nothing beside an attempt that runs when other traffic opens the breaker', async () => {
    const { breaker, clock, attempts, open, hedging } = made((outer, inner) =>
      compose(outer, inner),
    );
    const call = attempts();
    await open(breaker);
    expect(await call).toBe(1);
    expect((hedging as ReturnType<typeof hedge>).snapshot().counts.hedges).toBe(0);
    await clock.advance(RESET);
  });

  test("looks at the breaker of the call's own key", async () => {
    const { group, clock, attempts, open } = made((outer, _inner, keyed) => compose(outer, keyed));
    await open(group, 'sick');
    await clock.advance(RESET);
    expect(await attempts('sick')).toBe(1);
    expect(await attempts('well')).toBe(2);
  });

  test('goes on hedging for other keys, and at once after a reset, when one key was refused', async () => {
    const { group, attempts, open } = made((hedging, _breaker, inner) => compose(hedging, inner));
    await open(group, 'sick');
    expect(await attempts('sick')).toBe(0);
    expect(await attempts('well')).toBe(2);
    group.for('sick').reset();
    expect(await attempts('sick')).toBe(2);
  });

  test("that it cannot see, under cockatiel's wrap, pauses by its refusals", async () => {
    const { breaker, attempts, open } = made((outer, inner) => wrap(outer, inner));
    await open(breaker);
    expect(await attempts()).toBe(0);
    expect(await attempts()).toBe(0);
  });
});

test('a first attempt that waits in a queue is not hedged: the hedge would only wait behind it', async () => {
  const clock = manualClock();
  const hedging = hedge({ idempotent: true, delay: 10, clock, budget: false });
  const policy = compose(hedging, bulkhead({ maxConcurrent: 1, maxQueue: 10, clock }));
  const slot = Promise.withResolvers<string>();
  const holder = policy.execute(() => slot.promise, { idempotent: false });
  const waiting = policy.execute(async () => 'waited');
  await clock.advance(100);
  expect(hedging.snapshot().counts.hedges).toBe(0);
  slot.resolve('held');
  await expect(Promise.all([holder, waiting])).resolves.toEqual(['held', 'waited']);
});

/** A client that somebody must give back. */
function pool() {
  let open = 0;
  const acquire = (clock: ManualClock): Promise<AsyncDisposable> => {
    const client = {
      [Symbol.asyncDispose]: async (): Promise<void> => void (open -= 1),
    };
    return new Promise((resolve) => {
      clock.setTimeout(() => {
        open += 1;
        resolve(client);
      }, 20);
    });
  };
  return { acquire, open: () => open };
}

test.each<[string, (hedging: AnyPolicy, clock: ManualClock) => AnyPolicy]>([
  ['hedge alone', (hedging) => hedging],
  [
    'compose(hedge, timeout)',
    (hedging, clock) => compose(hedging, timeout({ duration: 1_000, clock })),
  ],
  [
    'with a grace',
    (hedging, clock) => compose(hedging, timeout({ duration: 1_000, grace: 50, clock })),
  ],
  [
    'compose(timeout, hedge, breaker, timeout, bulkhead)',
    (hedging, clock) =>
      compose(
        timeout({ duration: 5_000, clock }),
        hedging,
        circuitBreaker({ clock }),
        timeout({ duration: 1_000, clock }),
        bulkhead({ maxConcurrent: 10, clock }),
      ),
  ],
  [
    "cockatiel's wrap(hedge, timeout)",
    (hedging, clock) => wrap(hedging, timeout({ duration: 1_000, clock })),
  ],
])('a loser that does not heed its abort is let go of: %s', async (_name, chain) => {
  const clock = manualClock();
  const { acquire, open } = pool();
  const policy = chain(hedge({ idempotent: true, delay: 5, clock, budget: false }), clock);
  for (let i = 0; i < 20; i++) {
    const call = policy.execute(() => acquire(clock)) as Promise<AsyncDisposable>;
    await clock.advance(30);
    await (await call)[Symbol.asyncDispose]();
  }
  await clock.advance(100);
  expect(open()).toBe(0);
});
