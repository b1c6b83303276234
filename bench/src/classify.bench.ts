import { classify, classifier } from '@fournines/error-classification';
import type { Topic } from './harness.ts';

const known = Object.assign(new Error('deadlock detected'), { code: '40P01' });
const deep = new Error('a', { cause: new Error('b', { cause: new Error('c', { cause: known }) }) });
const fetchFailed = new TypeError('fetch failed', {
  cause: Object.assign(new Error('connect ECONNREFUSED'), {
    code: 'ECONNREFUSED',
    syscall: 'connect',
  }),
});
const refusal = Object.assign(new Error('open'), { code: 'ECIRCUITOPEN', retryAfterMs: 500 });
const mixed = ['40P01', '23505', '57P01', '08006', '53300', 'ECONNRESET', 'EPIPE', 'P2034'].map(
  (code) => Object.assign(new Error(code), { code }),
);
const own = classifier({ codes: { EMYOWN: { category: 'conflict' } } });
let next = 0;
const something = (): unknown => mixed[(next = (next + 1) % mixed.length)];

/** What one look at an error costs; an awaited call around it is the floor. */
export const topics: readonly Topic[] = [
  {
    name: 'classify an error',
    bare: async () => known,
    subjects: [
      { name: 'known code', call: async () => classify(known) },
      { name: 'eight codes in turn', call: async () => classify(something()) },
      { name: 'through three causes', call: async () => classify(deep) },
      { name: 'fetch failed <- ECONNREFUSED', call: async () => classify(fetchFailed) },
      { name: 'a refusal of our own', call: async () => classify(refusal) },
      { name: 'with rows of one’s own', call: async () => own(known) },
    ],
  },
];
