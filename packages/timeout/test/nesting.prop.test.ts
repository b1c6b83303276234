import { type AnyPolicy, type CallContext, compose, deadline } from '@fournines/core';
import { type ManualClock, manualClock } from '@fournines/core/testing';
import { wrap } from 'cockatiel';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Deadline, asyncLocalDeadlines, timeout } from '@fournines/timeout';

const duration = fc.oneof(fc.integer({ min: 1, max: 100 }), fc.constant(Infinity));

/** One level of limits around a function, and time that passes before the next one begins. */
const level = fc.record({
  by: fc.constantFrom('compose', 'wrap', 'context', 'signal', 'scope', 'flow'),
  durations: fc.array(duration, { minLength: 1, maxLength: 3 }),
  wait: fc.integer({ min: 0, max: 20 }),
});

type Level = typeof level extends fc.Arbitrary<infer T> ? T : never;
type Limited = CallContext & { readonly deadline?: Deadline };

/** The naive model: when the innermost must be done, and whether and when everything is cut off. */
function expectation(levels: readonly Level[]): { readonly at: number; readonly cutAt: number } {
  let now = 0;
  let at = Infinity;
  for (const { durations, wait } of levels) {
    at = Math.min(at, ...durations.map((ms) => now + ms));
    if (at <= now + wait) return { at, cutAt: at };
    now += wait;
  }
  return { at, cutAt: Infinity };
}

/** Runs the levels inside each other; tells what the innermost function saw. */
async function nest(levels: readonly Level[], clock: ManualClock): Promise<readonly number[]> {
  const seen: number[] = [];
  const flow = asyncLocalDeadlines({ clock });
  const rest = (ms: number): Promise<void> =>
    new Promise((resolve) => void clock.setTimeout(resolve, ms));
  const enter = async (index: number, outer: Limited | undefined): Promise<void> => {
    const current = levels[index];
    if (current === undefined) {
      if (outer?.deadline !== undefined) seen.push(outer.deadline.at);
      return;
    }
    const inward = async (context: Limited): Promise<void> => {
      await rest(current.wait);
      if (!context.signal.aborted) await enter(index + 1, context);
    };
    const policies: readonly AnyPolicy[] = current.durations.map((ms) =>
      timeout({ duration: ms, clock }),
    );
    const whole = compose(...policies);
    switch (current.by) {
      case 'compose':
      case 'context':
        return whole.execute(inward, outer);
      case 'signal':
        return whole.execute(inward, outer?.signal);
      case 'wrap':
        return wrap(...policies).execute(inward as never, outer?.signal);
      case 'scope': {
        using scope = deadline(Math.min(...current.durations), outer, { clock });
        return await whole.execute(inward, scope);
      }
      case 'flow':
        return flow.run(outer ?? Infinity, () =>
          flow.run(Math.min(...current.durations), () => flow.execute(inward, outer?.signal)),
        );
    }
  };
  const call = enter(0, undefined).catch(() => {});
  await clock.advance(1_000);
  await call;
  return seen;
}

test('however limits are nested, the innermost sees the earliest, and nothing runs past it', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(level, { minLength: 1, maxLength: 5 }), async (levels) => {
      const clock = manualClock();
      const { at, cutAt } = expectation(levels);
      const seen = await nest(levels, clock);
      // What is due at the very moment of the cut may go either way: the order of two timers.
      if (cutAt === Infinity) expect(seen).toEqual([at]);
      else if (seen.length > 0) expect(seen).toEqual([cutAt]);
      // `rest` leaves at most its own timers; those of the policies are gone by now.
      expect(clock.timers).toBe(0);
    }),
    { numRuns: 400 },
  );
}, 20_000);
