import {
  type CircuitBreakerOptions,
  type CircuitBreakers,
  breakerPresets,
} from '@fournines/breaker';
import type { CommonOptions } from '@fournines/core';
import {
  checkBoolean,
  checkFunction,
  checkNumber,
  checkOneOf,
  checkOptions,
} from '@fournines/core/authoring';
import { type Classifier, classify } from '@fournines/error-classification';
import type { RetryOptions } from '@fournines/retry';
import type { DeadlineHeaderStyle } from '@fournines/timeout';

/**
 * Options of the retry of a fetch: those of `retry`. What a request means is said by `idempotent`
 * and `classify` of the fetch itself; a response that is not ok reaches `shouldRetry` as an
 * `HttpError` with its `status`.
 */
export type FetchRetryOptions = Omit<
  RetryOptions,
  'idempotent' | 'classify' | 'isFailure' | 'handle'
>;

/** Options of `resilientFetch`. */
export interface ResilientFetchOptions extends CommonOptions {
  /** How long all attempts and the waits between them may take, in milliseconds, > 0; Infinity switches it off. Default 30 000. */
  readonly timeout?: number;
  /** How long one attempt may take, in milliseconds, > 0; Infinity switches it off. Default 10 000. */
  readonly attemptTimeout?: number;
  /** Options of the retry; `false` for none. Default: those of `retry`, three attempts in total. */
  readonly retry?: FetchRetryOptions | false;
  /**
   * The options of every origin's circuit breaker, or a function of the origin, or a group of your
   * own (`circuitBreakers`, keyed by origin), or `false` for none. Default `breakerPresets.http`,
   * 1 000 origins at most. A function that throws, or returns no valid options, is reported once,
   * and that origin has the default's.
   */
  readonly breaker?:
    | CircuitBreakerOptions
    | ((origin: string) => CircuitBreakerOptions)
    | CircuitBreakers
    | false;
  /**
   * Whether requests may be repeated when it is unknown if they took effect. A request's own
   * `init.idempotent` wins. Default: GET, HEAD, OPTIONS, PUT, DELETE, TRACE, QUERY (RFC 9110
   * §9.2.2, RFC 10008) and whatever has an `Idempotency-Key` header.
   */
  readonly idempotent?: boolean;
  /**
   * Tells the server how much time is left, for the attempt or in total, whichever is less:
   * `grpc-timeout`, `connect-timeout-ms` or `x-envoy-expected-rq-timeout-ms`. A request that has
   * the header already keeps its own. Default: no header.
   */
  readonly deadlineHeader?: DeadlineHeaderStyle;
  /** What an error or a status means, for retry and breaker. Default: `classify` of `@fournines/error-classification`. */
  readonly classify?: Classifier;
  /** Where chance comes from, uniform in [0, 1). Default `Math.random`. */
  readonly random?: () => number;
}

const KNOWN = [
  'name',
  'clock',
  'timeout',
  'attemptTimeout',
  'retry',
  'breaker',
  'idempotent',
  'deadlineHeader',
  'classify',
  'random',
];

/** What the retry of a fetch does not take, and what stands in its place. */
const REPLACED: Readonly<Record<string, string>> = {
  idempotent: 'idempotent of resilientFetch, or init.idempotent',
  classify: 'classify of resilientFetch',
  isFailure: 'retry.shouldRetry, which sees a response as an HttpError',
  handle: 'retry.shouldRetry',
};

/** Options with every default filled in. */
export interface FetchRules extends CommonOptions {
  readonly timeout: number;
  readonly attemptTimeout: number;
  readonly retry: FetchRetryOptions | false;
  readonly breaker: NonNullable<ResilientFetchOptions['breaker']>;
  readonly idempotent: boolean | undefined;
  readonly deadlineHeader: DeadlineHeaderStyle | undefined;
  readonly classify: Classifier;
  readonly random: () => number;
}

/**
 * Checks the options of `resilientFetch` and fills in what is not given.
 *
 * @throws TypeError or RangeError, naming option, rule and value.
 */
export function checkFetchOptions(options: ResilientFetchOptions): FetchRules {
  checkOptions('resilientFetch', options, KNOWN);
  const {
    retry = {},
    breaker = breakerPresets.http,
    idempotent,
    random,
    deadlineHeader: style,
  } = options;
  if (retry !== false) checkRetry(retry);
  const isOptions = isObject(breaker) && (isGroup(breaker) || !('execute' in breaker));
  const isBreaker = breaker === false || typeof breaker === 'function' || isOptions;
  if (!isBreaker) {
    throw new TypeError(
      `resilientFetch: breaker must be options, a function of the origin, circuitBreakers(…) or false, got ${isObject(breaker) ? 'another policy' : kindOf(breaker)}`,
    );
  }
  return {
    ...options,
    timeout: checkDuration('timeout', options.timeout ?? 30_000),
    attemptTimeout: checkDuration('attemptTimeout', options.attemptTimeout ?? 10_000),
    retry,
    breaker,
    idempotent:
      idempotent === undefined ? undefined : checkBoolean('resilientFetch: idempotent', idempotent),
    deadlineHeader:
      style === undefined
        ? undefined
        : checkOneOf<DeadlineHeaderStyle>('resilientFetch: deadlineHeader', style, [
            'grpc',
            'connect',
            'envoy',
          ]),
    classify: checkFunction('resilientFetch: classify', options.classify ?? classify),
    random: checkFunction('resilientFetch: random', random ?? Math.random),
  };
}

function checkRetry(retry: FetchRetryOptions): void {
  if (!isObject(retry)) {
    throw new TypeError(`resilientFetch: retry must be options or false, got ${kindOf(retry)}`);
  }
  for (const [option, instead] of Object.entries(REPLACED)) {
    if (option in retry) {
      throw new TypeError(`resilientFetch: retry.${option} is not taken: use ${instead}`);
    }
  }
}

function checkDuration(option: string, value: unknown): number {
  return checkNumber(`resilientFetch: ${option}`, value, { above: 0, infinity: true });
}

/** Whether it is what `circuitBreakers` makes. */
export function isGroup(breaker: object): breaker is CircuitBreakers {
  return 'resetAll' in breaker && 'execute' in breaker;
}

/** Whether it may be options: no array, no `Map`. */
export function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !(Symbol.iterator in value);
}

/** What was given in place of options. */
function kindOf(value: unknown): string {
  if (value === null) return 'null';
  return typeof value === 'object' ? 'an iterable' : typeof value;
}
