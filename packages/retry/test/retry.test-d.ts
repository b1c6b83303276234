import type { CallContext, Policy } from '@fournines/core';
import { compose } from '@fournines/core';
import {
  ConstantBackoff,
  type DelegateBackoff,
  type ExponentialBackoff,
  type IPolicy,
  type IRetryBackoffContext,
  IterableBackoff,
  retry as cockatielRetry,
  handleAll,
  handleType,
  wrap,
} from 'cockatiel';
import { type HedgeOptions, type RetryContext, exponential, hedge, retry } from '../src/index.ts';

// A retry is a policy of ours and of cockatiel's.
const policy: Policy<RetryContext> & IPolicy<RetryContext> = retry();
policy satisfies IPolicy<RetryContext>;
wrap(policy, cockatielRetry(handleAll, { maxAttempts: 1 }));

// The function receives a signal and the number of the attempt, the result keeps its type.
const answer: Promise<string> = retry().execute(({ attempt, signal }) => {
  attempt satisfies number;
  signal satisfies AbortSignal;
  return 'text';
});
void answer;
void compose(retry(), hedge({ idempotent: true })).execute((context) => {
  context satisfies CallContext & { readonly attempt: number };
});

// cockatiel's backoffs and filters fit; ours fits its retry.
retry({ backoff: new ConstantBackoff(5) });
retry({ backoff: new IterableBackoff([1, 2, 3]) });
retry({ backoff: {} as ExponentialBackoff<unknown> });
retry({ backoff: {} as DelegateBackoff<IRetryBackoffContext<unknown>> });
retry({ handle: handleType(TypeError) });
cockatielRetry(handleAll, { maxAttempts: 2, backoff: exponential() });

// Hedging needs an explicit word that the call is idempotent.
// @ts-expect-error -- idempotent is missing
hedge({});
// @ts-expect-error -- a boolean that may be false is not enough
hedge({ idempotent: Math.random() > 0.5 });
const options: HedgeOptions = { idempotent: true, delay: { quantile: 0.9 } };
void options;

// Options do not take what they would ignore.
// @ts-expect-error -- there is no such option
retry({ attempts: 3 });
// @ts-expect-error -- a budget is a budget, or false
retry({ budget: true });
