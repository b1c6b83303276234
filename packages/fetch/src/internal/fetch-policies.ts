import {
  type CircuitBreakerOptions,
  type CircuitBreakers,
  breakerPresets,
  circuitBreaker,
  circuitBreakers,
} from '@fournines/breaker';
import { type Component, type Policy, compose, systemClock } from '@fournines/core';
import { reportOnce } from '@fournines/core/authoring';
import { retry } from '@fournines/retry';
import { timeout } from '@fournines/timeout';
import { type FetchRules, isGroup, isObject } from '../options.ts';
import { RefusedResponse } from './refused-response.ts';

/** An origin that is down is refused at once: its breaker is waited for no longer than one waits for a probe. */
const MAX_BREAKER_WAIT_MS = 1_000;

/** The policies of one fetch. */
export interface FetchPolicies {
  /** All of them: total timeout, retry, breaker per origin, timeout per attempt. */
  readonly policy: Policy;
  /** Without the retry: for a request whose body can be sent only once. */
  readonly once: Policy;
  /** What they are made of. */
  readonly parts: readonly Component[];
}

/** Makes the policies, outermost first. */
export function fetchPolicies(rules: FetchRules, name: string): FetchPolicies {
  const { clock } = rules;
  const common = clock === undefined ? {} : { clock };
  const total = timeout({ ...common, name: `${name}-total`, duration: rules.timeout });
  const attempt = timeout({ ...common, name: `${name}-attempt`, duration: rules.attemptTimeout });
  const retries = retryOf(rules, name);
  const breakers = breakersOf(rules, name);
  const inside = breakers === undefined ? [attempt] : [breakers, attempt];
  const all = retries === undefined ? [total, ...inside] : [total, retries, ...inside];
  return {
    policy: compose(...(all as readonly Policy[])),
    once: compose(...([total, ...inside] as readonly Policy[])),
    parts: all,
  };
}

function retryOf(rules: FetchRules, name: string): ReturnType<typeof retry> | undefined {
  if (rules.retry === false) return undefined;
  const { clock, random, classify } = rules;
  const policy = retry({
    ...(clock === undefined ? {} : { clock }),
    name,
    random,
    maxBreakerWait: MAX_BREAKER_WAIT_MS,
    ...rules.retry,
    classify,
  });
  // The socket is free while the retry waits.
  policy.onRetry(({ error }) => {
    if (error instanceof RefusedResponse) error.setAside(clock ?? systemClock);
  });
  return policy;
}

function breakersOf(rules: FetchRules, name: string): CircuitBreakers | undefined {
  const { breaker, clock, random, classify } = rules;
  if (breaker === false) return undefined;
  if (isGroup(breaker)) return breaker;
  // A breaker is named after its origin, and after the fetch too when that has a name of its own.
  const prefix = rules.name === undefined ? '' : `${rules.name} `;
  const complete = (options: CircuitBreakerOptions, origin: string): CircuitBreakerOptions => {
    const ours = options.handle === undefined ? { random, classify } : { random };
    return { ...ours, name: `${prefix}${origin || name}`, ...options };
  };
  if (typeof breaker !== 'function') checkBreaker(complete(breaker, ''));
  const optionsFor = (origin: string): CircuitBreakerOptions => {
    if (typeof breaker !== 'function') return complete(breaker, origin);
    try {
      const options = complete(checkGiven(breaker(origin)), origin);
      checkBreaker(options);
      return options;
    } catch (error) {
      reportOnce(breaker, 'resilientFetch: breaker', error);
      return complete(breakerPresets.http, origin);
    }
  };
  return circuitBreakers(optionsFor, clock === undefined ? { name } : { name, clock });
}

/** Makes a breaker of the options, for what that refuses. A fleet is joined by those that are used. */
function checkBreaker({ fleet, ...options }: CircuitBreakerOptions): void {
  if (fleet !== undefined && !isObject(fleet)) {
    throw new TypeError(`resilientFetch: breaker.fleet must be a fleet, got ${typeof fleet}`);
  }
  circuitBreaker(options);
}

/** What a function of the origin gave: it is spread, which no value but an object survives as what it is. */
function checkGiven(options: CircuitBreakerOptions): CircuitBreakerOptions {
  if (isObject(options)) return options;
  throw new TypeError(`resilientFetch: breaker must return options, got ${typeof options}`);
}
