import { breakerPresets, circuitBreaker } from '@fournines/breaker';
import { type Component, compose, fallback } from '@fournines/core';
import { throwIfNotOk } from '@fournines/error-classification';
import { retry } from '@fournines/retry';
import { timeout } from '@fournines/timeout';
import { type Answer, fallbackAnswer, isDependencyFailure } from './answer.ts';

/** A text for a post. */
export interface Content {
  readonly text: string;
}

/** The LLM service, each call behind its policies. */
export interface Llm {
  readonly policies: Component;
  generate(prompt: string, signal?: AbortSignal): Promise<Answer<Content>>;
}

/** The LLM service at `url`. */
export function llm(url: string, enableFallbacks: boolean): Llm {
  const policies = compose(
    fallback(
      (error) => enableFallbacks && isDependencyFailure(error),
      (error) => fallbackAnswer<Content>(TEMPLATE, error),
      { name: 'llm-fallback' },
    ),
    timeout({ name: 'llm-total', duration: 15_000 }),
    retry({ name: 'llm-retry', maxAttempts: 2, maxServerDelay: 1_000 }),
    // Longer than a call may take: while the circuit is open, nobody waits for it.
    circuitBreaker({ ...breakerPresets.llm, name: 'llm', resetTimeout: 20_000 }),
    timeout({ name: 'llm-attempt', duration: 8_000 }),
  );
  return {
    policies,
    generate: (prompt, signal) =>
      policies.execute(
        async (context): Promise<Answer<Content>> => {
          const response = await fetch(`${url}/v1/chat/completions`, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify({
              model: 'default',
              messages: [{ role: 'user', content: prompt }],
            }),
            signal: context.signal,
          });
          return { data: readContent(await throwIfNotOk(response).json()) };
        },
        // Writing the same text twice costs tokens and harms nobody.
        { signal, idempotent: true },
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
