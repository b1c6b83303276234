import { afterEach, beforeEach, expect, test } from 'vitest';
import { compose, fallback } from '../src/index.ts';
import { type Script, probe } from './probe.ts';

/** A policy of somebody else's with a defect: one of its hooks throws. */
const fault = new Error('defect');
const throws = (): never => {
  throw fault;
};

const warnings: Error[] = [];
const note = (warning: Error): void => void warnings.push(warning);
beforeEach(() => void process.on('warning', note));
afterEach(() => {
  process.off('warning', note);
  warnings.length = 0;
});

/** A policy that counts who is inside, around one with a defect. */
function around(script: Script) {
  let inside = 0;
  const counter = probe({
    enter: () => void (inside += 1),
    success: () => void (inside -= 1),
    failure: () => void (inside -= 1),
  });
  return { policy: compose(counter, probe(script)), inside: () => inside };
}

test.each(['success', 'failure', 'late', 'abort', 'enter'] as const)(
  'a hook that throws in %s is reported once and spares the policies around it',
  async (hook) => {
    const { policy, inside } = around({
      answersEarly: hook === 'late',
      ...(hook === 'late' && {
        enter(attempt, index) {
          queueMicrotask(() => attempt.answer(index, true, 'early'));
        },
      }),
      [hook]: throws,
    });
    const caller = new AbortController();
    const call = (): Promise<unknown> =>
      policy.execute(async () => {
        await Promise.resolve();
        if (hook === 'abort') caller.abort('gone');
        if (hook === 'failure') throw new Error('its own');
        return 'its own';
      }, caller.signal);
    const outcomes = {
      success: ['its own', undefined],
      failure: [undefined, 'its own'],
      late: ['early', undefined],
      abort: ['its own', undefined],
      enter: [undefined, 'defect'],
    }[hook];
    for (const _ of [1, 2].slice(hook === 'abort' ? 1 : 0)) {
      const [value, message] = outcomes;
      if (message === undefined) await expect(call()).resolves.toBe(value);
      else await expect(call()).rejects.toThrow(message);
    }
    await new Promise((resolve) => setImmediate(resolve));
    expect(inside()).toBe(0);
    expect(warnings.map(({ message, cause }) => [message.split(' ', 1)[0], cause])).toEqual([
      ['probe:', fault],
    ]);
  },
);

test('a hook that throws after it has answered does not answer twice', async () => {
  const outcomes: unknown[] = [];
  const outer = probe({ success: (value) => void outcomes.push(value) });
  const inner = probe({
    success(_value, _token, attempt, index): void {
      attempt.succeed(index, 'mine');
      throw fault;
    },
  });
  await expect(compose(outer, inner).execute(() => 'its own')).resolves.toBe('mine');
  expect(outcomes).toEqual(['mine']);
});

test('a fallback answers for a policy that throws on the way in', async () => {
  const policy = compose(
    fallback(() => true, 'stand-in'),
    probe({ enter: throws }),
  );
  await expect(policy.execute(() => 'its own')).resolves.toBe('stand-in');
});
