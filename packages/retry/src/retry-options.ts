import type { CallOptions, CommonOptions, OutcomeFilter } from '@fournines/core';
import {
  checkBoolean,
  checkFunction,
  checkNumber,
  checkOptions,
  checkOutcomeFilter,
} from '@fournines/core/authoring';
import { type Classification, type Classifier, classify } from '@fournines/error-classification';
import { type Backoff, exponential } from './backoff.ts';
import { type RetryBudget, checkBudget } from './retry-budget.ts';

/** What `shouldRetry` is told beside the error. */
export interface RetryDecision {
  /** Which attempt failed, counted from 0. */
  readonly attempt: number;
  /** What the error means. */
  readonly classification: Classification;
  /** Whether the call was said to be idempotent, by itself or by the policy. */
  readonly idempotent: boolean;
  /** What the caller said about the call. */
  readonly call: CallOptions | undefined;
}

/** Options of `retry`. */
export interface RetryOptions extends CommonOptions {
  /**
   * How many attempts a call has in total, the first included, >= 1; Infinity is allowed. Default 3.
   * (cockatiel's option of that name counts only what comes after the first.)
   */
  readonly maxAttempts?: number;
  /** How long to wait before each retry: `exponential({…})` or a backoff of cockatiel. Default `exponential()`. */
  readonly backoff?: Backoff;
  /**
   * Whether a call may be repeated when it is unknown if the try took effect: a timeout, a lost
   * connection, a 500. A call's own `CallOptions.idempotent` wins. Default false.
   */
  readonly idempotent?: boolean;
  /**
   * Whether an error is retried, instead of the classification and of the idempotency check. It
   * never overrides abort, deadline, server delay, breaker or budget. One that throws, or rejects,
   * does not retry. Default: by `classify`.
   */
  readonly shouldRetry?: (
    error: unknown,
    decision: RetryDecision,
  ) => boolean | PromiseLike<boolean>;
  /** What an error means. One that throws, or answers with no classification, does not retry. Default: `classify` of `@fournines/error-classification`. */
  readonly classify?: Classifier;
  /** Whether a returned value is a failure: retried when the call is idempotent; the last one is returned. It must not be async. Default: none is. */
  readonly isFailure?: (value: unknown) => boolean;
  /** A filter of cockatiel (`handleWhen(…)`): what it accepts is retried. It stands for `classify`, `isFailure`, `shouldRetry` and the idempotency check. */
  readonly handle?: OutcomeFilter;
  /** How many retries all calls together may make; `false` for no limit. Share one between policies of one dependency. Default: `retryBudget()` of its own. */
  readonly budget?: RetryBudget | false;
  /** The longest delay that a server may ask for, in milliseconds, >= 0; Infinity is allowed. A longer one is given up on, never shortened. Default 30 000. */
  readonly maxServerDelay?: number;
  /** The longest that an open breaker further in is waited for, in milliseconds, >= 0; Infinity: as long as the deadline leaves room. 0: never. Default Infinity. */
  readonly maxBreakerWait?: number;
  /** The least time that an attempt, the first too, needs before the deadline, in milliseconds, >= 0. Default 0. */
  readonly minAttemptTime?: number;
  /** Whether the process may end while a call waits to be retried. Default false. */
  readonly unref?: boolean;
  /** Where chance comes from, uniform in [0, 1): jitter. Default `Math.random`. */
  readonly random?: () => number;
}

const KNOWN = [
  'name',
  'clock',
  'maxAttempts',
  'backoff',
  'idempotent',
  'shouldRetry',
  'classify',
  'isFailure',
  'handle',
  'budget',
  'maxServerDelay',
  'maxBreakerWait',
  'minAttemptTime',
  'unref',
  'random',
];

/** Options with every default filled in. */
export interface RetryRules {
  readonly maxAttempts: number;
  readonly backoff: Backoff;
  readonly idempotent: boolean;
  readonly shouldRetry: RetryOptions['shouldRetry'] | undefined;
  readonly classify: Classifier;
  readonly isFailure: ((value: unknown) => boolean) | undefined;
  readonly handle: OutcomeFilter['options'] | undefined;
  readonly budget: RetryBudget | undefined;
  readonly maxServerDelay: number;
  readonly maxBreakerWait: number;
  readonly minAttemptTime: number;
  readonly unref: boolean;
  readonly random: () => number;
}

/**
 * Checks the options of `retry` and fills in what is not given.
 *
 * @throws TypeError or RangeError, naming option, rule and value.
 */
export function checkRetryOptions(options: RetryOptions): RetryRules {
  checkOptions('retry', options, KNOWN);
  const { maxAttempts = 3, backoff = exponential(), idempotent = false, shouldRetry } = options;
  const { classify: classifier = classify, isFailure, handle, random = Math.random } = options;
  const { maxServerDelay = 30_000, maxBreakerWait = Infinity } = options;
  const { minAttemptTime = 0, unref = false } = options;
  if (shouldRetry !== undefined) checkFunction('retry: shouldRetry', shouldRetry);
  if (isFailure !== undefined) checkFunction('retry: isFailure', isFailure);
  if (handle !== undefined) {
    checkOutcomeFilter('retry: handle', handle);
    const other = (['classify', 'isFailure', 'shouldRetry'] as const).find(
      (option) => options[option] !== undefined,
    );
    if (other !== undefined) {
      throw new TypeError(`retry: handle stands for ${other}: give one of them, got both`);
    }
  }
  return {
    maxAttempts: checkNumber('retry: maxAttempts', maxAttempts, {
      min: 1,
      integer: true,
      infinity: true,
    }),
    backoff: checkBackoff(backoff),
    idempotent: checkBoolean('retry: idempotent', idempotent),
    shouldRetry,
    classify: checkFunction('retry: classify', classifier),
    isFailure,
    handle: handle?.options,
    budget: checkBudget('retry', options),
    maxServerDelay: checkNumber('retry: maxServerDelay', maxServerDelay, {
      min: 0,
      infinity: true,
    }),
    maxBreakerWait: checkNumber('retry: maxBreakerWait', maxBreakerWait, {
      min: 0,
      infinity: true,
    }),
    minAttemptTime: checkNumber('retry: minAttemptTime', minAttemptTime, { min: 0 }),
    unref: checkBoolean('retry: unref', unref),
    random: checkFunction('retry: random', random),
  };
}

function checkBackoff(backoff: Backoff): Backoff {
  if (typeof (backoff as Partial<Backoff> | null)?.next === 'function') return backoff;
  throw new TypeError(
    `retry: backoff must be exponential(…) or a backoff of cockatiel, got ${typeof backoff}`,
  );
}
