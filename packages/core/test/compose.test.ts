import { AsyncLocalStorage } from 'node:async_hooks';
import { getEventListeners } from 'node:events';
import * as cockatiel from 'cockatiel';
import { afterEach, describe, expect, test, vi } from 'vitest';
import {
  type AnyPolicy,
  type CallContext,
  type CallOptions,
  compose,
  deadline,
  deadlineOf,
  definePolicy,
  fallback,
} from '../src/index.ts';
import { probe, repeater, settle } from './probe.ts';

const theirs: readonly (readonly [string, () => AnyPolicy])[] = [
  ['bulkhead', () => cockatiel.bulkhead(5)],
  [
    'circuitBreaker',
    () =>
      cockatiel.circuitBreaker(cockatiel.handleAll, {
        halfOpenAfter: 1_000,
        breaker: new cockatiel.ConsecutiveBreaker(5),
      }),
  ],
  [
    'fallback',
    () =>
      cockatiel.fallback(
        cockatiel.handleWhen(() => false),
        'theirs',
      ),
  ],
  ['noop', () => cockatiel.noop],
  [
    'retry',
    () =>
      cockatiel.retry(cockatiel.handleAll, {
        maxAttempts: 2,
        backoff: new cockatiel.ConstantBackoff(0),
      }),
  ],
  ['timeout', () => cockatiel.timeout(5_000, cockatiel.TimeoutStrategy.Aggressive)],
  [
    'wrap',
    () =>
      cockatiel.wrap(
        cockatiel.noop,
        cockatiel.timeout(5_000, cockatiel.TimeoutStrategy.Cooperative),
      ),
  ],
];
const ours = (): AnyPolicy[] => [
  fallback(() => false, 'ours'),
  repeater(2),
  definePolicy({ kind: 'mine' }),
];

afterEach(() => vi.restoreAllMocks());

describe('order', () => {
  test('the outermost stage enters first and hears last', async () => {
    const heard: string[] = [];
    const stage = (name: string) =>
      definePolicy({
        kind: 'k',
        enter: () => void heard.push(`${name} in`),
        success: () => void heard.push(`${name} out`),
      });
    await compose(stage('a'), compose(stage('b'), stage('c')), stage('d')).execute(() =>
      heard.push('call'),
    );
    expect(heard).toEqual([
      'a in',
      'b in',
      'c in',
      'd in',
      'call',
      'd out',
      'c out',
      'b out',
      'a out',
    ]);
  });

  test.each([29, 30, 31, 95])('%i policies work as one', async (n) => {
    let entered = 0;
    const policies = Array.from({ length: n }, () =>
      definePolicy({ kind: 'k', enter: () => void (entered += 1) }),
    );
    const context = await compose(...policies).execute((given) => Object.keys(given));
    expect({ entered, context }).toEqual({ entered: n, context: ['signal'] });
  });
});

describe.each(theirs)("cockatiel's %s", (_name, make) => {
  test.each([0, 1, 2, 3])('at place %i among ours', async (place) => {
    const policies = ours().toSpliced(place, 0, make());
    const policy = compose(...policies);
    const seen = await policy.execute((context) => [
      context.signal instanceof AbortSignal,
      (context as { attempt?: number }).attempt,
    ]);
    expect(seen).toEqual([true, 0]);
    const error = new Error('x');
    await expect(policy.execute(() => Promise.reject(error))).rejects.toBe(error);
    const caller = new AbortController();
    const call = policy.execute(
      ({ signal }) =>
        new Promise((_, reject) =>
          signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true }),
        ),
      caller.signal,
    );
    await settle();
    caller.abort(new Error('gone'));
    await expect(call).rejects.toThrow();
    expect(getEventListeners(caller.signal, 'abort')).toEqual([]);
  });

  test.each([0, 1, 2])('wrapped around and inside ours, ours at place %i', async (place) => {
    const policies = [make(), make()].toSpliced(place, 0, compose(...ours()));
    const wrapped = cockatiel.wrap(...policies) as AnyPolicy;
    const seen = await wrapped.execute((context: CallContext & { attempt?: number }) => [
      context.signal instanceof AbortSignal,
      context.attempt,
    ]);
    expect(seen).toEqual([true, 0]);
    await expect(compose(wrapped, ...ours()).execute(() => 0)).resolves.toBe(0);
  });
});

describe('contexts and deadlines', () => {
  test("a deadline crosses cockatiel's policies, and the inner one never outlasts it", async () => {
    using scope = deadline(1_000);
    const longer = probe({
      abortsInside: true,
      deadline: () => ({ at: Infinity, remainingMs: Infinity, expired: false }),
    });
    for (const [name, make] of theirs) {
      const seen = await compose(definePolicy({ kind: 'k' }), make(), longer).execute(
        (context) => [
          (context as { deadline?: { at: number } }).deadline?.at,
          deadlineOf(context)?.at,
        ],
        scope.signal,
      );
      expect(seen, name).toEqual([scope.deadline.at, scope.deadline.at]);
      const wrapped = cockatiel.wrap(definePolicy({ kind: 'k' }), ...[make()]) as AnyPolicy;
      expect(
        await wrapped.execute((context: CallContext) => deadlineOf(context)?.at, scope.signal),
        name,
      ).toBe(scope.deadline.at);
    }
  });

  test('the fields of foreign contexts reach the function', async () => {
    const seen = await compose(
      definePolicy({ kind: 'k' }),
      theirs[4]?.[1]() ?? cockatiel.noop,
      fallback(() => false, 0),
    ).execute((context) => Object.keys(context).sort());
    expect(seen).toEqual(['attempt', 'signal']);
  });

  test('a policy of ours that is not made of stages receives what the caller said', async () => {
    let heard: CallOptions | undefined;
    const keyed = {
      ...definePolicy({ kind: 'k' }),
      kind: 'keyed',
      name: 'keyed-1',
      snapshot: () => ({ status: 'up', counts: {} }) as const,
      execute: (fn: (context: CallContext) => unknown, call?: CallOptions) => {
        heard = call;
        return Promise.resolve(fn({ signal: call?.signal ?? new AbortController().signal }));
      },
    } as unknown as AnyPolicy;
    const { signal } = new AbortController();
    await compose(definePolicy({ kind: 'k' }), keyed).execute(() => 1, { key: 'tenant', signal });
    expect(heard).toMatchObject({ key: 'tenant', signal });
  });
});

describe('the lazy signal', () => {
  const count = (): { made: number } => {
    const counted = { made: 0 };
    const Native = AbortController;
    vi.stubGlobal(
      'AbortController',
      class extends Native {
        constructor() {
          super();
          counted.made += 1;
        }
      },
    );
    return counted;
  };
  afterEach(() => vi.unstubAllGlobals());
  const chain = () =>
    compose(
      fallback(() => false, 0),
      repeater(3),
      probe({ abortsInside: true }),
      compose(probe({ abortsInside: true })),
      definePolicy({ kind: 'k' }),
    );

  test('costs no AbortController when nobody reads it', async () => {
    const counted = count();
    await chain().execute(() => 1);
    await chain()
      .execute(() => 1, AbortSignal.abort(1))
      .catch(() => {});
    expect(counted.made).toBe(0);
  });

  test('costs one per attempt for the whole chain when it is read', async () => {
    const counted = count();
    const signals = new Set<AbortSignal>();
    await chain()
      .execute((context) => {
        signals.add(context.signal);
        expect({ ...context }.signal).toBe(context.signal);
        return Promise.reject(new Error('x'));
      })
      .catch(() => {});
    expect({ made: counted.made, distinct: signals.size }).toEqual({ made: 3, distinct: 3 });
  });
});

describe('the caller', () => {
  test('who aborted before calls nothing, and no fallback answers', async () => {
    let calls = 0;
    const reason = new Error('gone');
    for (const policy of [
      compose(
        fallback(() => true, 1),
        definePolicy({ kind: 'k' }),
      ),
      compose(
        fallback(() => true, 1),
        cockatiel.noop,
      ),
      compose(cockatiel.fallback(cockatiel.handleAll, 1)),
    ]) {
      await expect(policy.execute(() => (calls += 1), AbortSignal.abort(reason))).rejects.toBe(
        reason,
      );
    }
    expect(calls).toBe(0);
  });

  test('leaves no listener behind after 10 000 calls on one signal', async () => {
    const { signal } = new AbortController();
    const policy = compose(
      fallback(() => false, 0),
      probe({ abortsInside: true, abort: () => {} }),
      repeater(2),
    );
    await Promise.all(
      Array.from({ length: 10_000 }, (_, i) =>
        policy
          .execute(async (context) => {
            if (i % 2 === 0) expect(context.signal.aborted).toBe(false);
            if (i % 3 === 0) throw new Error('x');
            await settle();
            expect(context.signal.aborted).toBe(false);
          }, signal)
          .catch((error: Error) => expect(error.message).toBe('x')),
      ),
    );
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  test.each([
    ['a string', 'abort'],
    ['a number', 5],
    ['a signal that is none', { signal: {} }],
  ])('who gives %s instead of a signal or options is told by a rejection', async (_what, call) => {
    for (const policy of [
      definePolicy({ kind: 'k' }),
      compose(definePolicy({ kind: 'k' }), cockatiel.noop),
    ]) {
      await expect(policy.execute(() => 1, call as never)).rejects.toThrow(TypeError);
    }
  });

  test('who gives null, as fetch allows, gives none', async () => {
    const policy = compose(repeater(2));
    const signal = await policy.execute((context) => context.signal, { signal: null } as never);
    expect(signal).toBeInstanceOf(AbortSignal);
    await expect(policy.execute(() => 1, null as never)).resolves.toBe(1);
  });

  test('keeps its asynchronous context', async () => {
    const storage = new AsyncLocalStorage<string>();
    const seen = await storage.run('mine', () =>
      compose(
        repeater(2),
        fallback(
          () => true,
          () => storage.getStore(),
        ),
      ).execute(async () => {
        await settle();
        throw new Error('x');
      }),
    );
    expect(seen).toBe('mine');
  });
});

describe('results', () => {
  const policies = [
    definePolicy({ kind: 'k' }),
    compose(
      repeater(2),
      fallback(() => false, 0),
    ),
    compose(probe({ answersEarly: true })),
    compose(cockatiel.noop, repeater(2)),
  ] as AnyPolicy[];

  test.each([[0], [''], [false], [null], [undefined], [Number.NaN]])(
    '%o passes as it is',
    async (value) => {
      for (const policy of policies) {
        await expect(policy.execute(() => value)).resolves.toBe(value);
        await expect(policy.execute(() => Promise.resolve(value))).resolves.toBe(value);
        await expect(policy.execute(() => Promise.reject(value))).rejects.toBe(value);
      }
    },
  );

  test('sync throws reject, thenables are awaited, hostile thenables reject', async () => {
    const error = new Error('x');
    for (const policy of policies) {
      await expect(
        policy.execute(() => {
          throw error;
        }),
      ).rejects.toBe(error);
      await expect(
        policy.execute(
          () => ({ then: (ok: (value: number) => void) => ok(7) }) as PromiseLike<number>,
        ),
      ).resolves.toBe(7);
      await expect(
        policy.execute(() => ({
          get then(): never {
            throw error;
          },
        })),
      ).rejects.toBe(error);
    }
  });

  test('a function that is none is a TypeError, as a rejection', async () => {
    for (const policy of [...policies.slice(0, 3), compose(cockatiel.noop, repeater(2))]) {
      await expect(policy.execute('fn' as never)).rejects.toThrow(TypeError);
    }
  });
});

test('bad policies are a TypeError at once', () => {
  for (const bad of [undefined, null, 5, {}, { execute: 1 }, Object.create(null), Symbol('s')]) {
    expect(() => compose(definePolicy({ kind: 'k' }), bad as never)).toThrow(
      /^compose: policy 1 must have an execute method/,
    );
  }
  expect(() => compose()).toThrow(TypeError);
});

test('names count per kind, and bad ones are refused', () => {
  const [first, second] = [definePolicy({ kind: 'named' }), definePolicy({ kind: 'named' })];
  expect([first.name, second.name]).toEqual(['named-1', 'named-2']);
  expect(definePolicy({ kind: 'named', name: 'mine' }).name).toBe('mine');
  expect(() => fallback(() => true, 1, { name: 5 } as never)).toThrow(
    new TypeError('fallback: name must be a non-empty string, got 5'),
  );
  expect(() => fallback(() => true, 1, { clock: Date } as never)).toThrow(
    /^fallback: clock must be/,
  );
});

test('a composition shows its parts and the worst of their states', () => {
  const down = definePolicy({ kind: 'k', snapshot: () => ({ status: 'down', counts: {} }) });
  const up = definePolicy({ kind: 'k' });
  expect([...(compose(up, cockatiel.noop, down).parts?.() ?? [])]).toEqual([up, down]);
  expect(compose(up, down).snapshot().status).toBe('down');
  expect(compose(up).snapshot().status).toBe('up');
});

test('the heap stays flat', async () => {
  const policy = compose(
    fallback(() => true, 0),
    repeater(2),
    probe({ abortsInside: true }),
  );
  const { signal } = new AbortController();
  const round = async (): Promise<number> => {
    for (let i = 0; i < 20_000; i++) {
      await policy.execute((context) => (i % 4 === 0 ? Promise.reject(context.signal) : 1), signal);
    }
    const v8 = await import('node:v8');
    v8.setFlagsFromString('--expose-gc');
    const gc = (await import('node:vm')).runInNewContext('gc') as () => void;
    gc();
    return process.memoryUsage().heapUsed;
  };
  await round();
  const before = await round();
  expect((await round()) - before).toBeLessThan(1_000_000);
}, 20_000);
