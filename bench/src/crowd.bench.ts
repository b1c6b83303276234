import { circuitBreaker } from '@fournines/breaker';
import { compose } from '@fournines/core';
import { retry } from '@fournines/retry';
import { timeout } from '@fournines/timeout';
import * as cockatiel from 'cockatiel';
import * as cockatiel3 from 'cockatiel-3';
import { type Crowd, measureCrowd } from './crowd.ts';
import type { Report } from './harness.ts';

const ours = compose(retry(), circuitBreaker(), timeout(30_000));
const theirs = cockatiel.wrap(
  cockatiel.retry(cockatiel.handleAll, { maxAttempts: 2 }),
  cockatiel.circuitBreaker(cockatiel.handleAll, {
    halfOpenAfter: 30_000,
    breaker: new cockatiel.SamplingBreaker({ threshold: 0.5, duration: 30_000 }),
  }),
  cockatiel.timeout(30_000, cockatiel.TimeoutStrategy.Aggressive),
);
const theirs3 = cockatiel3.wrap(
  cockatiel3.retry(cockatiel3.handleAll, { maxAttempts: 2 }),
  cockatiel3.circuitBreaker(cockatiel3.handleAll, {
    halfOpenAfter: 30_000,
    breaker: new cockatiel3.SamplingBreaker({ threshold: 0.5, duration: 30_000 }),
  }),
  cockatiel3.timeout(30_000, cockatiel3.TimeoutStrategy.Aggressive),
);

const subjects: Crowd['subjects'] = [
  { name: 'bare', execute: (fn) => fn() },
  { name: 'cockatiel 4', execute: (fn, signal) => theirs.execute(fn, signal) },
  { name: 'cockatiel 3', execute: (fn, signal) => theirs3.execute(fn, signal) },
  { name: 'fournines', execute: (fn, signal) => ours.execute(fn, signal) },
];

/** Calls in flight under retry, breaker and timeout. Minutes at 100 000, where one round of cockatiel takes about one. */
export const reports: readonly Report[] = [10_000, 100_000].flatMap((calls) =>
  [false, true].map((shareSignal) => ({
    run: () =>
      measureCrowd({
        name: `retry, breaker, timeout${shareSignal ? ', one signal for all' : ''}`,
        calls,
        shareSignal,
        subjects,
      }),
  })),
);
