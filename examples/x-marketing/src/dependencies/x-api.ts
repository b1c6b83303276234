import { breakerPresets, circuitBreakers } from '@fournines/breaker';
import { type Component, fallback } from '@fournines/core';
import { resilientFetch } from '@fournines/fetch';
import { type Answer, fallbackAnswer, isDependencyFailure } from './answer.ts';

/** Something many people write about. */
export interface Trend {
  readonly name: string;
  readonly postCount: number | null;
}

/** The X API, each call behind its policies. */
export interface XApi {
  readonly policies: readonly Component[];
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
  const breakers = circuitBreakers(
    // Longer than a call may take: while the circuit is open, nobody waits for it.
    () => ({ ...breakerPresets.xApi, name: 'x-api', resetTimeout: 5_000 }),
    { name: 'x-api' },
  );
  // Health shows the circuit from the start on, not only after the first call.
  breakers.for(new URL(url).origin);
  const api = resilientFetch(fetch, {
    name: 'x-api',
    timeout: 4_000,
    attemptTimeout: 1_500,
    retry: { maxAttempts: 3, maxServerDelay: 1_000 },
    breaker: breakers,
    deadlineHeader: 'envoy',
  });
  const standIn = fallback(
    (error) => enableFallbacks && isDependencyFailure(error),
    (error) => fallbackAnswer(PRECONFIGURED, error),
    { name: 'x-api-fallback' },
  );
  const headers = { ...(token !== undefined && { authorization: `Bearer ${token}` }) };
  return {
    policies: [standIn, api],
    trends: (caller) =>
      standIn.execute(
        ({ signal }): Promise<Answer<readonly Trend[]>> =>
          api.read(`${url}/2/trends/by/woeid/1`, { headers, signal }, async (response) => ({
            data: readTrends(await response.json()),
          })),
        caller,
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
