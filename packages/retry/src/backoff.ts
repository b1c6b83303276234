import { checkFunction, checkNumber, checkOneOf, checkOptions } from '@fournines/core/authoring';
import { ExponentialBackoff } from './internal/exponential-backoff.ts';
import type { ExponentialRule, Jitter } from './internal/exponential-delay.ts';

/** What a backoff is told about the failure that it shall wait after. */
export interface BackoffContext {
  /** Which retry the delay is for, counted from 1, as in cockatiel. */
  readonly attempt: number;
  /** The call's signal. */
  readonly signal: AbortSignal;
  /** The failure: an error, or a value that `isFailure` refused. */
  readonly result: FailedWithError | FailedWithValue;
  /** The policy's source of chance, uniform in [0, 1). Absent under cockatiel's own retry. */
  readonly random?: () => number;
}

/** An attempt that threw or rejected. */
export interface FailedWithError {
  /** What with. */
  readonly error: unknown;
}

/** An attempt whose value `isFailure` refused. */
export interface FailedWithValue {
  /** The value. */
  readonly value: unknown;
}

/**
 * How long to wait before each retry: cockatiel's protocol, so that its `ExponentialBackoff`,
 * `ConstantBackoff`, `IterableBackoff` and `DelegateBackoff` fit, and ours fit its `retry`. A
 * backoff has no state of its own: `next` returns the step after it.
 */
export interface Backoff {
  /** The first step of a call. */
  next(context: BackoffContext): BackoffStep;
}

/** One step of a backoff. Its `next` returns the one after it. */
export interface BackoffStep extends Backoff {
  /** How long to wait, in milliseconds, finite and >= 0. */
  readonly duration: number;
}

/** Options of {@link exponential}. */
export interface ExponentialOptions {
  /** The first delay, in milliseconds, >= 0. Default 100. */
  readonly initial?: number;
  /** The longest delay, in milliseconds, >= `initial`. It is applied before the jitter. Default 20 000. */
  readonly max?: number;
  /** What each delay is multiplied by, >= 1 (1: all alike). Default 2. */
  readonly factor?: number;
  /**
   * How clients that failed together are spread, with d = min(max, initial · factorⁿ) and s the
   * delay before, at first `initial`. Default `'full'`.
   * - `'full'`: 0 … d. Spreads the most.
   * - `'equal'`: d/2 … d. Never less than half.
   * - `'decorrelated'`: initial … min(max, 3 · s). Forgets in which step it is.
   * - `'proportional'`: 0.8 · d … 1.2 · d, as gRPC does it; the only one that may exceed `max`.
   * - `'none'`: d. For tests, or where there is one client.
   */
  readonly jitter?: Jitter;
  /** Where chance comes from, uniform in [0, 1). Default: the policy's `random`. */
  readonly random?: () => number;
}

const KNOWN = ['initial', 'max', 'factor', 'jitter', 'random'];
const JITTERS: readonly Jitter[] = ['full', 'equal', 'decorrelated', 'proportional', 'none'];

/**
 * Delays that grow by a factor, up to a longest one, with jitter. The jitter comes after the cap,
 * so that clients stay spread when the cap is reached. After Marc Brooker's "Exponential Backoff
 * and Jitter" (AWS) and gRPC's A6; a retry policy starts anew after each delay that a server asked for.
 *
 * @throws TypeError or RangeError when an option is out of its bounds or unknown.
 */
export function exponential(options: ExponentialOptions = {}): Backoff {
  checkOptions('exponential', options, KNOWN);
  const { initial = 100, factor = 2, jitter = 'full', random } = options;
  checkNumber('exponential: initial', initial, { min: 0 });
  const { max = Math.max(20_000, initial) } = options;
  const rule: ExponentialRule = {
    initial,
    max: checkNumber('exponential: max', max, { min: initial }),
    factor: checkNumber('exponential: factor', factor, { min: 1 }),
    jitter: checkOneOf('exponential: jitter', jitter, JITTERS),
  };
  if (random !== undefined) checkFunction('exponential: random', random);
  return new ExponentialBackoff(rule, random);
}
