import type { Clock } from '@fournines/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Pair, options, step } from './circuit-pair.ts';
import type { NaiveOptions } from './naive-circuit.ts';

/** How many random sequences are compared with the model. */
const RUNS = 20_000;

/** A breaker and its model with a clock that goes forth and back. */
function pairOf(chosen: NaiveOptions, by: 'permits' | 'execute'): Pair {
  let now = 0;
  const clock: Clock = {
    now: () => now,
    wall: () => 0,
    setTimeout: () => ({ cancel() {}, ref() {}, unref() {} }),
  };
  const pair = new Pair(
    chosen,
    by,
    (naive, ms) => {
      now += ms;
      // A step back that nobody saw before time went on cannot be told from a shorter step.
      pair.real.toJSON();
      naive.clockStep(ms);
    },
    clock,
  );
  return pair;
}

const sequence = fc.array(step, { minLength: 5, maxLength: 40 });

describe('against an obviously correct model with unbounded memory', () => {
  test(`${RUNS} random sequences agree in state, admissions and counters at every step`, () => {
    fc.assert(
      fc.property(options, sequence, (chosen, steps) => {
        const pair = pairOf(chosen, 'permits');
        for (const next of steps) {
          pair.run(next);
          expect(pair.shown()).toEqual(pair.naive.look());
        }
        expect(pair.real.toJSON().openings).toBe(pair.naive.openings);
      }),
      { numRuns: RUNS },
    );
  }, 300_000);

  test('so do sequences of calls by execute, aborted by their callers and by timeouts further out', async () => {
    await fc.assert(
      fc.asyncProperty(options, sequence, async (chosen, steps) => {
        const pair = pairOf(chosen, 'execute');
        for (const next of steps) {
          // One at a time: an outcome arrives when promises have settled.
          const times = next.do === 'burst' ? next.times : 1;
          for (let i = 0; i < times; i++) {
            pair.run(next.do === 'burst' ? { ...next, times: 1 } : next);
            for (let hop = 0; hop < 4; hop++) await Promise.resolve();
          }
          expect(pair.shown()).toEqual(pair.naive.look());
        }
      }),
      { numRuns: RUNS / 10 },
    );
  }, 300_000);
});
