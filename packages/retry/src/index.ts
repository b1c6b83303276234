export {
  type Backoff,
  type BackoffContext,
  type BackoffStep,
  type ExponentialOptions,
  type FailedWithError,
  type FailedWithValue,
  exponential,
} from './backoff.ts';
export { hedge } from './hedge.ts';
export type { HedgeOptions, HedgeQuantile } from './hedge-options.ts';
export type { HedgeEvent, HedgePolicy, HedgeSnapshot } from './hedge-policy.ts';
export type { Jitter } from './internal/exponential-delay.ts';
export type { OutcomeFilter } from '@fournines/core';
export { retry } from './retry.ts';
export { type RetryBudget, type RetryBudgetOptions, retryBudget } from './retry-budget.ts';
export { type RetryInfo, retryInfo } from './retry-info.ts';
export type { RetryDecision, RetryOptions } from './retry-options.ts';
export type {
  GiveUpEvent,
  GiveUpReason,
  RetryContext,
  RetryEvent,
  RetryPolicy,
  RetrySnapshot,
} from './retry-policy.ts';
export { SupersededError } from './superseded-error.ts';
