import { breakerPresets, circuitBreaker } from '@fournines/breaker';
import { type Component, compose, fallback } from '@fournines/core';
import { throwIfNotOk } from '@fournines/error-classification';
import { retry } from '@fournines/retry';
import { timeout } from '@fournines/timeout';
import { type Answer, fallbackAnswer, isDependencyFailure } from './answer.ts';

/** Something many people write about. */
export interface Trend {
  readonly name: string;
  readonly postCount: number | null;
}

/** The X API, each call behind its policies. */
export interface XApi {
  readonly policies: Component;
  trends(signal?: AbortSignal): Promise<Answer<readonly Trend[]>>;
}

/** What marketing can use on any day. */
const PRECONFIGURED: readonly Trend[] = [
  { name: '#Marketing', postCount: null },
  { name: '#SocialMedia', postCount: null },
  { name: '#Innovation', postCount: null },
];

/** The X API at `url`. */
export function xApi(url: string, token: string | undefined, enableFallbacks: boolean): XApi {
  const policies = compose(
    fallback(
      (error) => enableFallbacks && isDependencyFailure(error),
      (error) => fallbackAnswer(PRECONFIGURED, error),
      { name: 'x-api-fallback' },
    ),
    timeout({ name: 'x-api-total', duration: 4_000 }),
    retry({ name: 'x-api-retry', maxAttempts: 3, maxServerDelay: 1_000 }),
    circuitBreaker({ ...breakerPresets.xApi, name: 'x-api', resetTimeout: 5_000 }),
    timeout({ name: 'x-api-attempt', duration: 1_500 }),
  );
  const headers = { ...(token !== undefined && { authorization: `Bearer ${token}` }) };
  return {
    policies,
    trends: (signal) =>
      policies.execute(
        async (context): Promise<Answer<readonly Trend[]>> => {
          const target = `${url}/2/trends/by/woeid/1`;
          const response = throwIfNotOk(await fetch(target, { headers, signal: context.signal }));
          return { data: readTrends(await response.json()) };
        },
        { signal, idempotent: true },
      ),
  };
}

/** An answer of another form is the dependency's failure: a `SyntaxError`, like one that is no JSON. */
function readTrends(body: unknown): readonly Trend[] {
  const data = typeof body === 'object' && body !== null && 'data' in body ? body.data : undefined;
  if (!Array.isArray(data)) throw new SyntaxError('the X API answered without a list of trends');
  return data.map((item: unknown) => {
    const { trend_name: name, tweet_count: count } = Object(item) as Record<string, unknown>;
    if (typeof name !== 'string')
      throw new SyntaxError('the X API answered a trend without a name');
    return { name, postCount: typeof count === 'number' ? count : null };
  });
}
