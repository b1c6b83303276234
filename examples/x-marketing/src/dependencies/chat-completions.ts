import { serverSentEvents } from './server-sent-events.ts';

/** A request for one text, in OpenAI's form. */
export function chatRequest(prompt: string, isStream: boolean) {
  return {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'default',
      messages: [{ role: 'user', content: prompt }],
      ...(isStream && { stream: true }),
    }),
  } as const;
}

/** The text of an answer. One of another form is the LLM's failure: a `SyntaxError`, like one that is no JSON. */
export function readText(body: unknown): string {
  const text = contentOf(body, 'message');
  if (text === undefined) throw new SyntaxError('the LLM service answered without a text');
  return text;
}

/** The pieces of a streamed text. An answer that ends without saying so is cut off. */
export async function* readPieces(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string, void> {
  let isDone = false;
  for await (const data of serverSentEvents(chunks)) {
    if (data === '[DONE]') isDone = true;
    // Read to its end all the same: a connection whose answer is left unread is lost.
    if (isDone) continue;
    const piece = contentOf(JSON.parse(data), 'delta');
    if (piece !== undefined && piece !== '') yield piece;
  }
  if (!isDone) throw new SyntaxError('the LLM service ended its text in the middle');
}

function contentOf(body: unknown, member: 'message' | 'delta'): string | undefined {
  const { choices } = Object(body) as Record<string, unknown>;
  const first: unknown = Array.isArray(choices) ? choices[0] : undefined;
  const message = (Object(first) as Record<string, unknown>)[member];
  const { content } = Object(message) as Record<string, unknown>;
  return typeof content === 'string' ? content : undefined;
}
