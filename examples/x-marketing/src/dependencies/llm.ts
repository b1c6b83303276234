import { breakerPresets, circuitBreaker } from '@fournines/breaker';
import { type Component, compose, fallback } from '@fournines/core';
import { throwIfNotOk } from '@fournines/error-classification';
import { retry } from '@fournines/retry';
import { timeout } from '@fournines/timeout';
import { type Answer, standIn } from './answer.ts';

/** A text for a post. */
export interface Draft {
  readonly text: string;
}

/** The language model behind its policies. */
export interface Llm {
  draft(prompt: string, signal: AbortSignal): Promise<Answer<Draft>>;
  readonly components: readonly Component[];
}

/** Opens the language model. A template stands in while it is gone. */
export function openLlm(url: string, enableFallbacks: boolean): Llm {
  const total = timeout({ name: 'llm-total', duration: 30_000 });
  // A completion costs money but changes nothing: it may be asked for again.
  const again = retry({ name: 'llm', maxAttempts: 2, idempotent: true, maxServerDelay: 2_000 });
  const breaker = circuitBreaker({ ...breakerPresets.llm, name: 'llm', resetTimeout: 10_000 });
  const attempt = timeout({ name: 'llm', duration: 10_000 });
  const policy = compose(total, again, breaker, attempt);

  return {
    async draft(prompt, caller) {
      const ask = async ({ signal }: { signal: AbortSignal }): Promise<Answer<Draft>> => {
        const response = await fetch(`${url}/v1/chat/completions`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ model: 'sample', messages: [{ role: 'user', content: prompt }] }),
          signal,
        });
        const body = (await throwIfNotOk(response).json()) as {
          choices: [{ message: { content: string } }];
        };
        return { data: { text: body.choices[0].message.content } };
      };
      // The stand-in depends on the prompt, so it is made for each call; what counts is shared.
      const standsIn = fallback(
        () => enableFallbacks,
        (error) => standIn(template(prompt), error),
        { name: 'draft' },
      );
      return compose(standsIn, policy).execute(ask, caller);
    },
    components: [total, again, breaker, attempt],
  };
}

/** A text that needs no model. */
function template(prompt: string): Draft {
  return { text: `${prompt.trim()} – find out more today.` };
}
