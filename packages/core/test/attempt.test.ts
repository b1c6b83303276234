import { AsyncLocalStorage } from 'node:async_hooks';
import { getEventListeners } from 'node:events';
import { describe, expect, test } from 'vitest';
import type { Attempt } from '../src/authoring.ts';
import { compose } from '../src/index.ts';
import { HELD, PARKED, deferred, probe, repeater, settle } from './probe.ts';

const never = (): Promise<never> => new Promise(() => {});

describe('tokens', () => {
  test('every hook receives the token of its own enter', async () => {
    const seen: unknown[] = [];
    const stage = (token: string) =>
      probe({ enter: () => token, success: (_value, given) => void seen.push(given) });
    await compose(stage('a'), stage('b'), stage('c')).execute(() => 1);
    expect(seen).toEqual(['c', 'b', 'a']);
  });

  test('an abort while a stage is still entering is not told with a token that it has not returned', async () => {
    const caller = new AbortController();
    const told: unknown[] = [];
    const outer = probe({ enter: () => 'outer', abort: (_reason, token) => void told.push(token) });
    const inner = probe({
      enter: () => {
        caller.abort('gone');
        return 'inner';
      },
      abort: (_reason, token) => void told.push(token),
    });
    await expect(compose(outer, inner).execute(() => 1, caller.signal)).rejects.toBe('gone');
    expect(told).toEqual(['outer']);
  });
});

describe('an abort on the way in', () => {
  test('enters no further stage and does not call the function', async () => {
    const caller = new AbortController();
    const calls: string[] = [];
    const policy = compose(
      probe({ enter: () => caller.abort('gone'), abort: () => {} }),
      probe({ enter: () => void calls.push('entered'), failure: () => void calls.push('failure') }),
    );
    await expect(policy.execute(() => void calls.push('called'), caller.signal)).rejects.toBe(
      'gone',
    );
    expect(calls).toEqual([]);
  });

  test('reaches a stage that parks the call all the same', async () => {
    const caller = new AbortController();
    const queue = probe({
      answersEarly: true,
      enter(attempt, index) {
        caller.abort('gone');
        return attempt.park(index, 'ticket');
      },
      abort: (reason, token, attempt, index) => {
        expect(token).toBe('ticket');
        attempt.fail(index, reason);
      },
    });
    await expect(queue.execute(() => 1, caller.signal)).rejects.toBe('gone');
  });

  test('does not run a parked call that is let go on', async () => {
    const caller = new AbortController();
    let parked: (() => void) | undefined;
    let calls = 0;
    const outcomes: unknown[] = [];
    const queue = probe({
      answersEarly: true,
      enter(attempt, index) {
        parked = () => attempt.resume(index, 1);
        return attempt.park(index, 0);
      },
      failure: (error) => void outcomes.push(error),
    });
    const call = queue.execute(() => (calls += 1), caller.signal);
    caller.abort('gone');
    parked?.();
    await expect(call).rejects.toBe('gone');
    expect({ calls, outcomes }).toEqual({ calls: 0, outcomes: ['gone'] });
  });

  test('does not run a parked call whose signal was aborted before anybody watched it', async () => {
    const caller = new AbortController();
    let parked: (() => void) | undefined;
    let calls = 0;
    const queue = probe({
      answersEarly: true,
      enter(attempt, index) {
        caller.abort('gone');
        parked = () => attempt.resume(index, 1);
        return attempt.park(index, 0);
      },
    });
    const call = queue.execute(() => (calls += 1), caller.signal);
    parked?.();
    await expect(call).rejects.toBe('gone');
    expect(calls).toBe(0);
  });
});

describe('a stage whose outcome has passed', () => {
  test('is not told of an abort while a stage outside of it holds the outcome', async () => {
    const caller = new AbortController();
    const told: string[] = [];
    const holder = probe({
      failure: () => HELD,
      abort: (reason, _token, attempt, index) => {
        told.push('holder');
        attempt.fail(index, reason);
      },
    });
    const inner = probe({ failure: () => {}, abort: () => void told.push('inner') });
    const call = compose(holder, inner).execute(
      () => Promise.reject(new Error('x')),
      caller.signal,
    );
    await settle();
    caller.abort('gone');
    await expect(call).rejects.toBe('gone');
    expect(told).toEqual(['holder']);
  });

  test('is not told of an abort while a repetition runs: only the repetition is', async () => {
    const caller = new AbortController();
    const told: unknown[] = [];
    const inner = probe({
      enter: (attempt: Attempt) => attempt.number,
      abort: (_reason, token) => void told.push(token),
      failure: () => {},
    });
    const gate = deferred();
    let calls = 0;
    const call = compose(repeater(2), inner).execute(() => {
      calls += 1;
      return calls === 1 ? Promise.reject(new Error('x')) : gate.promise;
    }, caller.signal);
    await settle();
    caller.abort('gone');
    gate.reject(caller.signal.reason);
    await expect(call).rejects.toBe('gone');
    expect(told).toEqual([1]);
  });

  test('cannot answer any more', async () => {
    const outcomes: unknown[] = [];
    let answer: (() => void) | undefined;
    const outer = probe({ success: (value) => void outcomes.push(value) });
    const early = probe({
      answersEarly: true,
      enter(attempt, index) {
        answer = () => attempt.answer(index, true, 'too late');
      },
    });
    await compose(outer, early).execute(() => 'own');
    answer?.();
    expect(outcomes).toEqual(['own']);
  });
});

describe('repetitions', () => {
  test('are shown to the stage that started them only; further out it is the first attempt', async () => {
    const vias: boolean[] = [];
    const outer = probe({
      failure: (_error, _token, attempt, _index, via) => void vias.push(via === attempt),
    });
    await compose(outer, repeater(2))
      .execute(() => Promise.reject(new Error('x')))
      .catch(() => {});
    expect(vias).toEqual([true]);
  });

  test('do not run once the call was aborted from further out', async () => {
    const caller = new AbortController();
    let calls = 0;
    const stubborn = probe({
      repeats: true,
      abort: () => {},
      failure(_error, _token, attempt, index, via) {
        if (via.number > 0) return undefined;
        attempt.repeat(index, 1);
        return HELD;
      },
    });
    const call = stubborn.execute(() => {
      calls += 1;
      caller.abort('gone');
      throw new Error('x');
    }, caller.signal);
    await expect(call).rejects.toBe('gone');
    expect(calls).toBe(1);
  });

  test('carry the outcome, the token and themselves to the stage that repeats', async () => {
    const seen: unknown[] = [];
    const stage = probe({
      repeats: true,
      enter: () => 'token',
      failure(error, token, attempt, index, via) {
        seen.push([error, token, via === attempt, via.number]);
        if (via.number === 2) return undefined;
        attempt.repeat(index, via.number + 1);
        return HELD;
      },
    });
    let n = 0;
    await expect(stage.execute(() => Promise.reject(++n))).rejects.toBe(3);
    expect(seen).toEqual([
      [1, 'token', true, 0],
      [2, 'token', false, 1],
      [3, 'token', false, 2],
    ]);
  });

  test('number the innermost of nested repeaters', async () => {
    const numbers: number[] = [];
    const policy = compose(repeater(2), repeater(3));
    await policy
      .execute((context) => {
        numbers.push((context as unknown as { attempt: number }).attempt);
        throw new Error('x');
      })
      .catch(() => {});
    expect(numbers).toEqual([0, 1, 2, 0, 1, 2]);
  });

  test('have a signal each, aborted one by one', async () => {
    const signals: AbortSignal[] = [];
    const runs: Attempt[] = [];
    const hedge = probe({
      repeats: true,
      abortsInside: true,
      answersEarly: true,
      enter(attempt, index) {
        queueMicrotask(() => runs.push(attempt, attempt.repeat(index, 1)));
      },
      success: (value, _token, attempt, index, via) => {
        attempt.answer(index, true, value);
        for (const run of runs) if (run !== via) run.abortInside(index, 'lost');
        return HELD;
      },
    });
    const gate = deferred();
    const call = hedge.execute((context) => {
      signals.push(context.signal);
      return signals.length === 1 ? never() : gate.promise;
    });
    await settle();
    gate.resolve('won');
    await expect(call).resolves.toBe('won');
    expect(signals.map((signal) => signal.aborted)).toEqual([true, false]);
    expect(signals[0]?.reason).toBe('lost');
  });

  test('of a repetition that an outer stage aborts are aborted too', async () => {
    const reasons: unknown[] = [];
    const caller = new AbortController();
    const policy = compose(probe({ abortsInside: true }), repeater(2), repeater(2));
    let calls = 0;
    const call = policy.execute((context) => {
      calls += 1;
      if (calls < 4) return Promise.reject(new Error('x'));
      return new Promise((_resolve, reject) => {
        context.signal.addEventListener('abort', () => {
          reasons.push(context.signal.reason);
          reject(context.signal.reason as Error);
        });
      });
    }, caller.signal);
    await settle();
    expect(calls).toBe(4);
    caller.abort('gone');
    await expect(call).rejects.toBe('gone');
    expect(reasons).toEqual(['gone']);
  });
});

describe('early answers', () => {
  test('reach the caller once; what the inside does later is told as late, once', async () => {
    const late: unknown[] = [];
    const gate = deferred();
    let answer: (() => void) | undefined;
    const early = probe({
      answersEarly: true,
      enter(attempt, index) {
        answer = () => attempt.answer(index, true, 'early');
        return 'token';
      },
      success: () => void late.push('success'),
      late: (outcome, token) => void late.push([outcome, token]),
    });
    const call = early.execute(() => gate.promise);
    answer?.();
    answer?.();
    gate.resolve('late');
    await expect(call).resolves.toBe('early');
    await settle();
    expect(late).toEqual([[{ ok: true, value: 'late' }, 'token']]);
  });

  test('of an inner stage are late to an outer one that answered before', async () => {
    const late: unknown[] = [];
    const answers: (() => void)[] = [];
    const early = (name: string) =>
      probe({
        answersEarly: true,
        enter(attempt, index) {
          answers.push(() => attempt.answer(index, true, name));
        },
        late: (outcome) => void late.push([name, outcome]),
      });
    const gate = deferred();
    const call = compose(early('outer'), early('inner')).execute(() => gate.promise);
    answers[0]?.();
    answers[1]?.();
    gate.resolve('function');
    await expect(call).resolves.toBe('outer');
    await settle();
    expect(late).toEqual([
      ['outer', { ok: true, value: 'inner' }],
      ['inner', { ok: true, value: 'function' }],
    ]);
  });

  test('leave no unhandled rejection when the inside fails later', async () => {
    const unhandled: unknown[] = [];
    const listen = (error: unknown): void => void unhandled.push(error);
    process.on('unhandledRejection', listen);
    const early = probe({
      answersEarly: true,
      enter: (attempt, index) => attempt.answer(index, true, 1),
    });
    await early.execute(() => Promise.reject(new Error('late')));
    await settle();
    await settle();
    process.off('unhandledRejection', listen);
    expect(unhandled).toEqual([]);
  });
});

describe('isWaiting', () => {
  const observer = (seen: { attempt?: Attempt }) =>
    probe({ enter: (attempt) => void (seen.attempt = attempt) });

  test('holds while the call is parked, and not while the function runs', async () => {
    const seen: { attempt?: Attempt } = {};
    let resume: (() => void) | undefined;
    const queue = probe({
      answersEarly: true,
      enter(attempt, index) {
        resume = () => attempt.resume(index, 0);
        return attempt.park(index, 0);
      },
    });
    const gate = deferred();
    const call = compose(observer(seen), queue).execute(() => gate.promise);
    expect(seen.attempt?.isWaiting).toBe(true);
    resume?.();
    expect(seen.attempt?.isWaiting).toBe(false);
    gate.resolve(1);
    await call;
  });

  test('holds while the only running part is a repetition in a queue', async () => {
    const seen: { attempt?: Attempt } = {};
    const queue = probe({
      answersEarly: true,
      enter: (attempt, index) => (attempt.number === 1 ? attempt.park(index, 0) : undefined),
    });
    void compose(observer(seen), repeater(2), queue).execute(() => Promise.reject(new Error('x')));
    await settle();
    expect(seen.attempt?.isWaiting).toBe(true);
  });

  test('does not hold while another repetition, or the first attempt, runs', async () => {
    const seen: { attempt?: Attempt } = {};
    const hedge = probe({
      repeats: true,
      answersEarly: true,
      enter: (attempt, index) => queueMicrotask(() => void attempt.repeat(index, 1)),
    });
    const queue = probe({
      answersEarly: true,
      enter: (attempt, index) => (attempt.number === 1 ? attempt.park(index, 0) : undefined),
    });
    void compose(observer(seen), hedge, queue).execute(never);
    await settle();
    expect(seen.attempt?.isWaiting).toBe(false);
  });
});

describe('the signal', () => {
  test('first read after the caller aborted is aborted with its reason', async () => {
    const caller = new AbortController();
    const gate = deferred();
    const policy = probe({ abortsInside: true });
    const call = policy.execute(async (context) => {
      await gate.promise;
      return [context.signal.aborted, context.signal.reason];
    }, caller.signal);
    caller.abort('gone');
    gate.resolve(0);
    await expect(call).resolves.toEqual([true, 'gone']);
  });

  test("read late or after the call leaves no listener on the caller's signal", async () => {
    const caller = new AbortController();
    const policy = probe({ abortsInside: true });
    let kept: { readonly signal: AbortSignal } | undefined;
    await policy.execute(async (context) => {
      kept = context;
      await settle();
      return context.signal.aborted;
    }, caller.signal);
    expect(getEventListeners(caller.signal, 'abort')).toHaveLength(0);
    await policy.execute((context) => void (kept = context), caller.signal);
    expect(kept?.signal.aborted).toBe(false);
    expect(getEventListeners(caller.signal, 'abort')).toHaveLength(0);
  });

  test('of the caller is handed on as it is when nothing inside aborts', async () => {
    const { signal } = new AbortController();
    await expect(repeater(2).execute((context) => context.signal, signal)).resolves.toBe(signal);
  });
});

test('a parked call goes on in its own asynchronous context', async () => {
  const storage = new AsyncLocalStorage<string>();
  let resume: (() => void) | undefined;
  const queue = probe({
    answersEarly: true,
    enter(attempt, index) {
      resume = () => attempt.resume(index, 0);
      return attempt.park(index, 0);
    },
  });
  const call = storage.run('mine', () => queue.execute(() => storage.getStore()));
  storage.run('other', () => resume?.());
  await expect(call).resolves.toBe('mine');
});

test('a stage that is let go on before its enter returns runs once', async () => {
  let calls = 0;
  const queue = probe({
    enter(attempt, index) {
      attempt.park(index, 0);
      attempt.resume(index, 0);
      return PARKED;
    },
  });
  await expect(queue.execute(() => (calls += 1))).resolves.toBe(1);
  expect(calls).toBe(1);
});

test.each([false, true])(
  'a promise with a `then` of its own that throws is a failure (%s)',
  async (answersEarly) => {
    let inside = 0;
    const policy = probe({
      answersEarly,
      enter: () => void (inside += 1),
      success: () => void (inside -= 1),
      failure: () => void (inside -= 1),
    });
    const odd = Object.assign(Promise.resolve(1), {
      // oxlint-disable-next-line unicorn/no-thenable -- the case in question
      then() {
        throw new Error('odd');
      },
    });
    await expect(policy.execute(() => odd)).rejects.toThrow('odd');
    expect(inside).toBe(0);
  },
);
