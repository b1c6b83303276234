import type { CommonOptions } from '@fournines/core';
import { checkFunction, checkNumber, checkOptions } from '@fournines/core/authoring';
import { type Classifier, classify } from '@fournines/error-classification';
import { type RetryBudget, checkBudget } from './retry-budget.ts';

/** A delay that follows what was measured. */
export interface HedgeQuantile {
  /** Which share of the calls answers within the delay, > 0 and < 1. 0.95 adds about 5 % of load. Default 0.95. */
  readonly quantile?: number;
  /** How many calls of the last 30 s must have been measured before one is hedged by time, >= 1. Default 100. */
  readonly warmup?: number;
}

/** Options of `hedge`. */
export interface HedgeOptions extends CommonOptions {
  /** Hedging runs a call more than once at a time, so it must be idempotent: there is no default. A call with `idempotent: false` is not hedged. */
  readonly idempotent: true;
  /**
   * After how many milliseconds without an answer the next attempt starts, >= 0 (0: all at once;
   * Infinity: only when one fails), or a quantile of the latency measured in the last 30 s, at
   * least 1 ms. Default `{ quantile: 0.95, warmup: 100 }`.
   */
  readonly delay?: number | HedgeQuantile;
  /** How many attempts may be added to the first, 1..10. Default 1. */
  readonly maxHedges?: number;
  /** How many hedges all calls together may make; `false` for no limit. Share the retry's. Default: `retryBudget()` of its own. */
  readonly budget?: RetryBudget | false;
  /** What an error means. One that throws, or answers with no classification, ends the call. Default: `classify` of `@fournines/error-classification`. */
  readonly classify?: Classifier;
}

const KNOWN = ['name', 'clock', 'idempotent', 'delay', 'maxHedges', 'budget', 'classify'];

/** Options with every default filled in. */
export interface HedgeRules {
  /** In milliseconds; undefined: by the quantile. */
  readonly delay: number | undefined;
  readonly quantile: number;
  readonly warmup: number;
  readonly maxHedges: number;
  readonly budget: RetryBudget | undefined;
  readonly classify: Classifier;
}

/**
 * Checks the options of `hedge` and fills in what is not given.
 *
 * @throws TypeError or RangeError, naming option, rule and value.
 */
export function checkHedgeOptions(options: HedgeOptions): HedgeRules {
  checkOptions('hedge', options, KNOWN);
  if ((options.idempotent as unknown) !== true) {
    throw new TypeError(
      `hedge: idempotent must be true: a hedged call runs more than once, got ${String(options.idempotent)}`,
    );
  }
  const { delay = {}, maxHedges = 1, classify: classifier = classify } = options;
  const measured = typeof delay === 'number' ? {} : delay;
  checkOptions('hedge: delay', measured, ['quantile', 'warmup']);
  const { quantile = 0.95, warmup = 100 } = measured;
  return {
    delay:
      typeof delay === 'number'
        ? checkNumber('hedge: delay', delay, { min: 0, infinity: true })
        : undefined,
    quantile: checkQuantile(quantile),
    warmup: checkNumber('hedge: delay.warmup', warmup, { min: 1, integer: true }),
    maxHedges: checkNumber('hedge: maxHedges', maxHedges, {
      min: 1,
      max: 10,
      integer: true,
    }),
    budget: checkBudget('hedge', options),
    classify: checkFunction('hedge: classify', classifier),
  };
}

function checkQuantile(quantile: unknown): number {
  const checked = checkNumber('hedge: delay.quantile', quantile, { above: 0, max: 1 });
  if (checked < 1) return checked;
  throw new RangeError('hedge: delay.quantile must be > 0 and < 1, got 1');
}
