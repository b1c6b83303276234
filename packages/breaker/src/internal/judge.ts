import {
  checkFunction,
  checkOutcomeFilter,
  refusalCode,
  reportOnce,
} from '@fournines/core/authoring';
import {
  type Classifier,
  causes,
  classify as defaultClassify,
} from '@fournines/error-classification';
import type { CircuitBreakerOptions } from '../options.ts';
import { isAbort } from './is-abort.ts';

/** What an error says about the dependency: it is sick, it answered, or nothing. */
export type Verdict = 'failure' | 'success' | 'ignore';

/** A verdict on an error, with the error's category for the statistics. */
export interface Judgement {
  readonly verdict: Verdict;
  readonly category: string;
}

/** Judges outcomes by the user's options. Never throws. */
export interface Judge {
  error(error: unknown): Judgement;
  /** Whether a returned value is a failure; absent when no value ever is. */
  readonly isFailure: ((value: unknown) => boolean) | undefined;
}

/** Categories that speak of the caller or of this process, not of the dependency. */
const NOT_THE_DEPENDENCY: ReadonlySet<string> = new Set(['cancelled', 'resource-exhausted']);

/** The category of a returned value that is a failure. */
export const VALUE_CATEGORY = 'value';

/** The category of an error whose classifier threw. */
const UNKNOWN = 'unknown';

const REFUSED: Judgement = { verdict: 'ignore', category: 'refused' };

type Options = Pick<CircuitBreakerOptions, 'classify' | 'isFailure' | 'handle' | 'expectedErrors'>;

/** The judge that the options ask for. Throws TypeError when they contradict each other. */
export function judgeOf(options: Options): Judge {
  const { classify = defaultClassify, isFailure, handle, expectedErrors } = options;
  const given = [options.classify, isFailure, handle, expectedErrors];
  if (given.every((option) => option === undefined)) return byClassification;
  checkFunction('breaker: classify', classify);
  if (isFailure !== undefined) checkFunction('breaker: isFailure', isFailure);
  if (handle !== undefined) {
    const { errorFilter, resultFilter } = checkOutcomeFilter('breaker: handle', handle).options;
    const others = [options.classify, isFailure, expectedErrors];
    if (others.some((other) => other !== undefined)) {
      throw new TypeError(
        'breaker: handle replaces classify, isFailure and expectedErrors; give one of them',
      );
    }
    return {
      error: listed(errorFilter, errorFilter, classify),
      isFailure: guardedValue(resultFilter, 'breaker: handle'),
    };
  }
  return {
    error:
      expectedErrors === undefined
        ? (error) => judgeByClass(error, classify)
        : listed(expectation(expectedErrors), expectedErrors, classify),
    isFailure: isFailure === undefined ? undefined : guardedValue(isFailure, 'breaker: isFailure'),
  };
}

/** The judge of breakers that say nothing of their own: one for all. */
const byClassification: Judge = {
  error: (error) => judgeByClass(error, defaultClassify),
  isFailure: undefined,
};

/** By classification: sick, or our own business, or an answer. */
function judgeByClass(error: unknown, classify: Classifier): Judgement {
  if (refusalCode(error) !== undefined) return REFUSED;
  try {
    const { breakerFailure, category } = classify(error);
    // The caller's own abort is no matter of judgement: another one is a timeout made by hand.
    if (breakerFailure || (category === 'cancelled' && isAbort(error))) {
      return { verdict: 'failure', category };
    }
    return { verdict: NOT_THE_DEPENDENCY.has(category) ? 'ignore' : 'success', category };
  } catch (thrown) {
    reportOnce(classify, 'breaker: classify', thrown);
    return { verdict: 'failure', category: UNKNOWN };
  }
}

/** By an exact list: what it takes failed, all else went well. A refusal says nothing, unless its own code is listed. */
function listed(
  takes: (error: unknown) => boolean,
  given: object,
  classify: Classifier,
): (error: unknown) => Judgement {
  return (error) => {
    const refusal = refusalCode(error);
    if (refusal !== undefined) {
      const isListed = Array.isArray(given) && given.includes(refusal);
      return isListed ? { ...REFUSED, verdict: 'failure' } : REFUSED;
    }
    let isListed = true;
    try {
      isListed = takes(error);
    } catch (thrown) {
      reportOnce(given, 'breaker: expectedErrors or handle', thrown);
    }
    const { category } = judgeByClass(error, classify);
    return { verdict: isListed ? 'failure' : 'success', category };
  };
}

function expectation(
  expected: NonNullable<Options['expectedErrors']>,
): (error: unknown) => boolean {
  if (typeof expected === 'function') return (error) => expected(error) === true;
  if (
    !Array.isArray(expected) ||
    expected.some((code) => typeof code !== 'string' || code === '')
  ) {
    throw new TypeError('breaker: expectedErrors must be an array of codes or a function');
  }
  const codes = new Set<unknown>(expected);
  return (error) => {
    for (const cause of causes(error)) {
      const { code, errorCode } = (cause ?? {}) as { code?: unknown; errorCode?: unknown };
      if (codes.has(code) || codes.has(errorCode)) return true;
    }
    return false;
  };
}

function guardedValue(
  isFailure: (value: unknown) => boolean,
  role: string,
): (value: unknown) => boolean {
  return (value) => {
    try {
      return isFailure(value) === true;
    } catch (thrown) {
      reportOnce(isFailure, role, thrown);
      return true;
    }
  };
}
