import { circuitBreaker, circuitBreakers } from '@fournines/breaker';
import * as cockatiel from 'cockatiel';
import CircuitBreaker from 'opossum';
import type { Topic } from './harness.ts';

const bare = async (): Promise<number> => 1;
const failure = Object.assign(new Error('down'), { code: 'ECONNREFUSED' });
const fail = async (): Promise<number> => {
  throw failure;
};
const rejected = async (): Promise<number> => {
  try {
    return await fail();
  } catch {
    return 0;
  }
};
const swallow = async (call: () => Promise<unknown>): Promise<unknown> => {
  try {
    return await call();
  } catch {
    return 0;
  }
};

const slow = circuitBreaker({ slowCallDuration: 1_000 });
const plain = circuitBreaker();
const consecutive = circuitBreaker({ failureThreshold: 5 });
const keyed = circuitBreakers(() => ({}));
const key = { key: 'tenant' };
const sampling = cockatiel.circuitBreaker(cockatiel.handleAll, {
  halfOpenAfter: 30_000,
  breaker: new cockatiel.SamplingBreaker({ threshold: 0.5, duration: 30_000, minimumRps: 1 }),
});
const row = cockatiel.circuitBreaker(cockatiel.handleAll, {
  halfOpenAfter: 30_000,
  breaker: new cockatiel.ConsecutiveBreaker(5),
});
const opossum = new CircuitBreaker(bare, { timeout: 1_000 });

const open = circuitBreaker({ failureThreshold: 1, resetTimeout: 3_600_000 });
await open.execute(fail).catch(() => {});
const openRow = cockatiel.circuitBreaker(cockatiel.handleAll, {
  halfOpenAfter: 3_600_000,
  breaker: new cockatiel.ConsecutiveBreaker(1),
});
await openRow.execute(fail).catch(() => {});
const openOpossum = new CircuitBreaker(fail, { timeout: 1_000, resetTimeout: 3_600_000 });
await openOpossum.fire().catch(() => {});

/** The closed circuit, and the open one. */
export const topics: readonly Topic[] = [
  {
    name: 'breaker closed',
    bare,
    subjects: [
      { name: 'fournines, time window, slow calls', call: () => slow.execute(bare) },
      { name: 'fournines, time window', call: () => plain.execute(bare) },
      { name: 'fournines, consecutive', call: () => consecutive.execute(bare) },
      { name: 'fournines, by key', call: () => keyed.execute(bare, key) },
      { name: 'cockatiel, sampling', call: () => sampling.execute(bare) },
      { name: 'cockatiel, consecutive', call: () => row.execute(bare) },
      { name: 'opossum, timeout on', call: () => opossum.fire() },
    ],
  },
  {
    name: 'breaker open, refusal over an awaited rejection',
    bare: rejected,
    subjects: [
      { name: 'fournines', call: () => swallow(() => open.execute(bare)) },
      { name: 'cockatiel', call: () => swallow(() => openRow.execute(bare)) },
      { name: 'opossum', call: () => swallow(() => openOpossum.fire()) },
    ],
  },
];
