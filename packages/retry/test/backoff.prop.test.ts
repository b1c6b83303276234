import { seededRandom } from '@fournines/core/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type BackoffContext, type BackoffStep, type Jitter, exponential } from '../src/index.ts';

const context: BackoffContext = {
  attempt: 1,
  signal: new AbortController().signal,
  result: { value: undefined },
};

/** The first `length` delays. */
function series(options: Parameters<typeof exponential>[0], length: number): number[] {
  const delays: number[] = [];
  let step: BackoffStep | undefined;
  for (let i = 0; i < length; i++) {
    step = (step ?? exponential(options)).next(context);
    delays.push(step.duration);
  }
  return delays;
}

const rules = fc
  .record({
    initial: fc.oneof(fc.constant(0), fc.double({ min: 0.001, max: 10_000, noNaN: true })),
    extra: fc.double({ min: 0, max: 100_000, noNaN: true }),
    factor: fc.double({ min: 1, max: 10, noNaN: true }),
    seed: fc.integer(),
  })
  .map(({ initial, extra, factor, seed }) => ({ initial, max: initial + extra, factor, seed }));

/** The bounds of delay n, by the formulas of the documentation, with d = min(max, initial · factorⁿ). */
const BOUNDS: Record<
  Jitter,
  (d: number, rule: { initial: number; max: number }, previous: number) => [number, number]
> = {
  full: (d) => [0, d],
  equal: (d) => [d / 2, d],
  decorrelated: (_d, rule, previous) => [
    rule.initial,
    Math.max(rule.initial, Math.min(rule.max, 3 * previous)),
  ],
  proportional: (d) => [0.8 * d, 1.2 * d],
  none: (d) => [d, d],
};

test.each(Object.keys(BOUNDS) as Jitter[])('%s jitter keeps its bounds at every step', (jitter) => {
  fc.assert(
    fc.property(rules, ({ seed, ...rule }) => {
      const delays = series({ ...rule, jitter, random: seededRandom(seed) }, 40);
      let uncapped = rule.initial;
      let previous = rule.initial;
      for (const delay of delays) {
        const [low, high] = BOUNDS[jitter](Math.min(rule.max, uncapped), rule, previous);
        const slack = 1e-9 * high;
        expect(delay).toBeGreaterThanOrEqual(low - slack);
        expect(delay).toBeLessThanOrEqual(high + slack);
        previous = delay;
        uncapped *= rule.factor;
      }
    }),
    { numRuns: 300 },
  );
});

test.each(['full', 'equal', 'decorrelated', 'proportional'] as const)(
  '%s jitter still spreads clients when the cap is reached',
  (jitter) => {
    const last = Array.from({ length: 200 }, (_, seed) =>
      series({ initial: 100, max: 1_000, jitter, random: seededRandom(seed) }, 12).at(-1),
    );
    expect(new Set(last).size).toBe(200);
  },
);

test('a step far out is finite, also from 0', () => {
  for (const initial of [0, 100]) {
    const delays = series({ initial, jitter: 'none' }, 2_000);
    expect(delays.at(-1)).toBe(initial === 0 ? 0 : 20_000);
  }
});

test('a backoff keeps no state between calls', () => {
  const backoff = exponential({ jitter: 'none' });
  const first = backoff.next(context).next(context).duration;
  const second = backoff.next(context).next(context).duration;
  expect([first, second]).toEqual([200, 200]);
});

test.each([
  [{ initial: -1 }, 'exponential: initial must be >= 0, got -1'],
  [{ initial: 100, max: 99 }, 'exponential: max must be >= 100, got 99'],
  [{ factor: 0.5 }, 'exponential: factor must be >= 1, got 0.5'],
  [
    { jitter: 'some' as Jitter },
    "exponential: jitter must be one of 'full', 'equal', 'decorrelated', 'proportional', 'none', got 'some'",
  ],
  ...['initial', 'max', 'factor', 'jitter', 'random'].map((option): [object, string] => [
    { [option]: null },
    `exponential: ${option} must be`,
  ]),
])('%j is refused', (options, message) => {
  expect(() => exponential(options)).toThrow(message);
});
