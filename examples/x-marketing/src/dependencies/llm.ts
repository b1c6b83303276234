import { breakerPresets, circuitBreakers } from '@fournines/breaker';
import { type Component, fallback, stream } from '@fournines/core';
import { resilientFetch } from '@fournines/fetch';
import { type Answer, fallbackAnswer, isDependencyFailure } from './answer.ts';
import { chatRequest, readPieces, readText } from './chat-completions.ts';

/** A text for a post, or a piece of it. */
export interface Content {
  readonly text: string;
}

/** The LLM service, each call behind its policies. */
export interface Llm {
  readonly policies: readonly Component[];
  /** The whole text. */
  generate(prompt: string, signal?: AbortSignal): Promise<Answer<Content>>;
  /** The text piece by piece. A stand-in can only come in place of the first piece. */
  stream(prompt: string, signal?: AbortSignal): AsyncIterable<Answer<Content>>;
}

/** As long as a call may take, streamed or not. */
const TOTAL_MS = 15_000;

/** What stands in for a text. */
const TEMPLATE: Content = {
  text: 'Something new is coming. Follow along, and tell us what you would like to see.',
};

/** The LLM service at `url`. */
export function llm(url: string, enableFallbacks: boolean): Llm {
  const target = `${url}/v1/chat/completions`;
  // One service, one circuit, however it is asked.
  const breakers = circuitBreakers(
    // Longer than a call may take: while the circuit is open, nobody waits for it.
    () => ({ ...breakerPresets.llm, name: 'llm', resetTimeout: TOTAL_MS + 5_000 }),
    { name: 'llm' },
  );
  // Health shows the circuit from the start on, not only after the first call.
  breakers.for(new URL(url).origin);
  const rules = {
    timeout: TOTAL_MS,
    retry: { maxAttempts: 2, maxServerDelay: 1_000 },
    breaker: breakers,
    // Writing the same text twice costs tokens and harms nobody.
    idempotent: true,
    deadlineHeader: 'envoy',
  } as const;
  const whole = resilientFetch(fetch, { ...rules, name: 'llm', attemptTimeout: 8_000 });
  // While pieces come, the model is well: what is bounded is the time between them.
  const streamed = resilientFetch(fetch, {
    ...rules,
    name: 'llm-stream',
    attemptTimeout: Infinity,
  });
  const standIn = fallback(
    (error) => enableFallbacks && isDependencyFailure(error),
    (error) => fallbackAnswer<Content>(TEMPLATE, error),
    { name: 'llm-fallback' },
  );
  return {
    policies: [standIn, whole, streamed],
    generate: (prompt, caller) =>
      standIn.execute(
        ({ signal }): Promise<Answer<Content>> =>
          whole.read(target, { ...chatRequest(prompt, false), signal }, async (response) => ({
            data: { text: readText(await response.json()) },
          })),
        caller,
      ),
    stream: (prompt, caller) =>
      stream(
        standIn,
        ({ signal }) => {
          const init = { ...chatRequest(prompt, true), signal, idle: 3_000 };
          return answers(readPieces(streamed.stream(target, init)));
        },
        { ...(caller !== undefined && { signal: caller }) },
      ),
  };
}

async function* answers(pieces: AsyncIterable<string>): AsyncGenerator<Answer<Content>, void> {
  for await (const text of pieces) yield { data: { text } };
}
