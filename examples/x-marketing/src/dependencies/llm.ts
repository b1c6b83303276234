import { breakerPresets, circuitBreakers } from '@fournines/breaker';
import { type Component, fallback } from '@fournines/core';
import { resilientFetch } from '@fournines/fetch';
import { type Answer, fallbackAnswer, isDependencyFailure } from './answer.ts';

/** A text for a post. */
export interface Content {
  readonly text: string;
}

/** The LLM service, each call behind its policies. */
export interface Llm {
  readonly policies: readonly Component[];
  generate(prompt: string, signal?: AbortSignal): Promise<Answer<Content>>;
}

/** The LLM service at `url`. */
export function llm(url: string, enableFallbacks: boolean): Llm {
  const breakers = circuitBreakers(
    // Longer than a call may take: while the circuit is open, nobody waits for it.
    () => ({ ...breakerPresets.llm, name: 'llm', resetTimeout: 20_000 }),
    { name: 'llm' },
  );
  // Health shows the circuit from the start on, not only after the first call.
  breakers.for(new URL(url).origin);
  const api = resilientFetch(fetch, {
    name: 'llm',
    timeout: 15_000,
    attemptTimeout: 8_000,
    retry: { maxAttempts: 2, maxServerDelay: 1_000 },
    breaker: breakers,
    // Writing the same text twice costs tokens and harms nobody.
    idempotent: true,
    deadlineHeader: 'envoy',
  });
  const standIn = fallback(
    (error) => enableFallbacks && isDependencyFailure(error),
    (error) => fallbackAnswer<Content>(TEMPLATE, error),
    { name: 'llm-fallback' },
  );
  return {
    policies: [standIn, api],
    generate: (prompt, caller) =>
      standIn.execute(
        ({ signal }): Promise<Answer<Content>> =>
          api.read(
            `${url}/v1/chat/completions`,
            {
              method: 'POST',
              headers: { 'content-type': 'application/json' },
              body: JSON.stringify({
                model: 'default',
                messages: [{ role: 'user', content: prompt }],
              }),
              signal,
            },
            async (response) => ({ data: readContent(await response.json()) }),
          ),
        caller,
      ),
  };
}

const TEMPLATE: Content = {
  text: 'Something new is coming. Follow along, and tell us what you would like to see.',
};

function readContent(body: unknown): Content {
  const { choices } = Object(body) as Record<string, unknown>;
  const first: unknown = Array.isArray(choices) ? choices[0] : undefined;
  const { message } = Object(first) as Record<string, unknown>;
  const { content } = Object(message) as Record<string, unknown>;
  if (typeof content !== 'string') throw new SyntaxError('the LLM service answered without a text');
  return { text: content };
}
