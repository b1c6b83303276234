import { breakerPresets, circuitBreaker } from '@fournines/breaker';
import { type Component, compose, fallback } from '@fournines/core';
import { throwIfNotOk } from '@fournines/error-classification';
import { retry } from '@fournines/retry';
import { timeout } from '@fournines/timeout';
import { type Answer, standIn } from './answer.ts';

/** A topic that many talk about. */
export interface Trend {
  readonly name: string;
  readonly postCount: number;
}

/** The X API behind its policies. */
export interface XApi {
  trends(signal: AbortSignal): Promise<Answer<readonly Trend[]>>;
  readonly components: readonly Component[];
}

/** What is true enough every day. */
const EVERGREEN_TRENDS: readonly Trend[] = [
  { name: '#MondayMotivation', postCount: 0 },
  { name: '#ThrowbackThursday', postCount: 0 },
  { name: '#Tech', postCount: 0 },
];

/** Opens the X API. A pre-configured answer stands in while it is gone. */
export function openXApi(url: string, token: string, enableFallbacks: boolean): XApi {
  const standsIn = fallback(
    () => enableFallbacks,
    (error) => standIn(EVERGREEN_TRENDS, error),
    { name: 'trends' },
  );
  const total = timeout({ name: 'x-api-total', duration: 4_000 });
  const again = retry({ name: 'x-api', maxAttempts: 3, idempotent: true, maxServerDelay: 1_000 });
  const breaker = circuitBreaker({ ...breakerPresets.xApi, name: 'x-api', resetTimeout: 5_000 });
  const attempt = timeout({ name: 'x-api', duration: 1_000 });
  const policy = compose(standsIn, total, again, breaker, attempt);

  return {
    trends: (caller) =>
      policy.execute(async ({ signal }): Promise<Answer<readonly Trend[]>> => {
        const response = await fetch(`${url}/2/trends/by/woeid/1`, {
          headers: { authorization: `Bearer ${token}` },
          signal,
        });
        const body = (await throwIfNotOk(response).json()) as {
          data: { trend_name: string; tweet_count?: number }[];
        };
        const data = body.data.map(({ trend_name, tweet_count = 0 }) => ({
          name: trend_name,
          postCount: tweet_count,
        }));
        return { data };
      }, caller),
    components: [standsIn, total, again, breaker, attempt],
  };
}
