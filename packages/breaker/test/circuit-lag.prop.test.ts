import { systemClock } from '@fournines/core';
import { coarseNow } from '@fournines/core/authoring';
import fc from 'fast-check';
import { afterAll, expect, test, vi } from 'vitest';
import { busyLoop } from './busy-loop.ts';
import { Pair, options, step } from './circuit-pair.ts';

const loop = busyLoop();
afterAll(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

/** How many random sequences are compared with the model. */
const RUNS = 5_000;

/** The loop comes round; what is read in between keeps the coarse clock ticking. */
const turn = (): void => {
  loop.turn();
  coarseNow(systemClock);
};

test(`${RUNS} random sequences agree with the model, whose coarse clock lags behind within a turn`, () => {
  coarseNow(systemClock);
  fc.assert(
    fc.property(options, fc.array(step, { minLength: 5, maxLength: 40 }), (chosen, steps) => {
      turn();
      const pair = new Pair(chosen, 'permits', (naive, ms, isBusy) => {
        if (ms < 0) return;
        loop.work(ms);
        naive.work(ms);
        if (isBusy) return;
        turn();
        naive.turn();
      });
      pair.naive.beginAt(performance.now());
      for (const next of steps) {
        pair.run(next);
        expect(pair.shown()).toEqual(pair.naive.look());
      }
    }),
    { numRuns: RUNS },
  );
}, 300_000);
