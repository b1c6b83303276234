import { circuitBreaker } from '@fournines/breaker';
import { compose, fallback } from '@fournines/core';
import { bulkhead } from '@fournines/limiter';
import { retry } from '@fournines/retry';
import { timeout } from '@fournines/timeout';
import * as cockatiel from 'cockatiel';
import * as cockatiel3 from 'cockatiel-3';
import { Effect } from 'effect';
import * as mollitia from 'mollitia';
import Opossum from 'opossum';
import type { Topic } from './harness.ts';

const bare = async (): Promise<number> => 1;

const ours = compose(
  fallback(() => true, 0),
  retry(),
  circuitBreaker(),
  timeout(30_000),
  bulkhead({ maxConcurrent: 1_000 }),
);
const theirs = cockatiel.wrap(
  cockatiel.fallback(cockatiel.handleAll, 0),
  cockatiel.retry(cockatiel.handleAll, { maxAttempts: 2 }),
  cockatiel.circuitBreaker(cockatiel.handleAll, {
    halfOpenAfter: 30_000,
    breaker: new cockatiel.SamplingBreaker({ threshold: 0.5, duration: 30_000 }),
  }),
  cockatiel.timeout(30_000, cockatiel.TimeoutStrategy.Aggressive),
  cockatiel.bulkhead(1_000),
);
const theirs3 = cockatiel3.wrap(
  cockatiel3.fallback(cockatiel3.handleAll, 0),
  cockatiel3.retry(cockatiel3.handleAll, { maxAttempts: 2 }),
  cockatiel3.circuitBreaker(cockatiel3.handleAll, {
    halfOpenAfter: 30_000,
    breaker: new cockatiel3.SamplingBreaker({ threshold: 0.5, duration: 30_000 }),
  }),
  cockatiel3.timeout(30_000, cockatiel3.TimeoutStrategy.Aggressive),
  cockatiel3.bulkhead(1_000),
);
const opossum = new Opossum(bare, { timeout: 30_000, capacity: 1_000 });
opossum.fallback(() => 0);
const circuit = new mollitia.Circuit({
  options: {
    modules: [
      new mollitia.Fallback({ callback: () => 0 }),
      new mollitia.Retry({ attempts: 2 }),
      new mollitia.Timeout({ delay: 30_000 }),
    ],
  },
});
const effect = Effect.tryPromise(bare).pipe(
  Effect.timeout('30 seconds'),
  Effect.retry({ times: 2 }),
  Effect.orElseSucceed(() => 0),
);

/** A call through five policies; peers with what they have of them. */
export const topics: readonly Topic[] = [
  {
    name: 'fallback, retry, breaker, timeout, bulkhead: all goes well',
    bare,
    subjects: [
      { name: 'cockatiel 4 wrap', call: () => theirs.execute(bare) },
      { name: 'cockatiel 3 wrap', call: () => theirs3.execute(bare) },
      { name: 'fournines compose', call: () => ours.execute(bare) },
      {
        name: 'fournines, signal read',
        call: () => ours.execute(({ signal }) => (signal.aborted ? 0 : bare())),
      },
      { name: 'opossum (no retry)', call: () => opossum.fire() },
      { name: 'mollitia (no breaker)', call: () => circuit.fn(bare).execute() },
      { name: 'Effect (no breaker)', call: () => Effect.runPromise(effect) },
    ],
  },
];
