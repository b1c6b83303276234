import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { type SampleAnswer, serveSample } from './sample-server.ts';

/** A sample of an LLM service with OpenAI's form of chat completions. Runs as a process of its own. */
const MODEL = 'sample-writer-1';
const CHUNK_GAP_MS = 10;

let served = 0;

serveSample(
  ({ method, url, body, midway }, response) => {
    if (method !== 'POST' || url.pathname !== '/v1/chat/completions') {
      return failure(
        404,
        'not_found_error',
        `${method} ${url.pathname} is not part of this sample`,
      );
    }
    const prompt = promptOf(body);
    if (prompt === undefined) {
      return failure(400, 'invalid_request_error', 'messages must contain one of role "user"');
    }
    served += 1;
    const text = write(prompt);
    const isStream =
      typeof body === 'object' && body !== null && 'stream' in body && body.stream === true;
    if (isStream) return streamOut(response, `chatcmpl-${served}`, text, midway);
    return { status: 200, body: completion(`chatcmpl-${served}`, prompt, text) };
  },
  {
    rateLimited: () => ({
      ...failure(429, 'rate_limit_error', 'Rate limit reached', 'rate_limit_exceeded'),
      headers: { 'retry-after': '30' },
    }),
  },
);

/** The same prompt gets the same text. */
function write(prompt: string): string {
  const subject = prompt.replaceAll(/\s+/g, ' ').trim().slice(0, 120);
  return `${subject}: three reasons to look twice. It is fast, it is open, and it stays up. Tell us what you build with it.`;
}

function completion(id: string, prompt: string, text: string): unknown {
  const promptTokens = prompt.split(/\s+/).length;
  const completionTokens = text.split(/\s+/).length;
  return {
    id,
    object: 'chat.completion',
    created: now(),
    model: MODEL,
    choices: [{ index: 0, message: { role: 'assistant', content: text }, finish_reason: 'stop' }],
    usage: {
      prompt_tokens: promptTokens,
      completion_tokens: completionTokens,
      total_tokens: promptTokens + completionTokens,
    },
  };
}

async function streamOut(
  response: ServerResponse,
  id: string,
  text: string,
  midway: () => Promise<void>,
): Promise<undefined> {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  const send = (delta: unknown, finish: string | null): void => {
    const choices = [{ index: 0, delta, finish_reason: finish }];
    const chunk = { id, object: 'chat.completion.chunk', created: now(), model: MODEL, choices };
    response.write(`data: ${JSON.stringify(chunk)}\n\n`);
  };
  send({ role: 'assistant', content: '' }, null);
  const words = text.split(/(?<=\s)/);
  const middle = Math.floor(words.length / 2);
  for (const [index, word] of words.entries()) {
    if (index === middle) await midway();
    if (response.destroyed) return undefined;
    send({ content: word }, null);
    await sleep(CHUNK_GAP_MS);
  }
  send({}, 'stop');
  response.end('data: [DONE]\n\n');
  return undefined;
}

function promptOf(body: unknown): string | undefined {
  if (typeof body !== 'object' || body === null || !('messages' in body)) return undefined;
  if (!Array.isArray(body.messages)) return undefined;
  const messages: unknown[] = body.messages;
  const last = messages.findLast(
    (message): message is { role: 'user'; content: string } =>
      typeof message === 'object' &&
      message !== null &&
      'role' in message &&
      message.role === 'user' &&
      'content' in message &&
      typeof message.content === 'string',
  );
  return last?.content;
}

function failure(status: number, type: string, message: string, code?: string): SampleAnswer {
  return { status, body: { error: { message, type, param: null, code: code ?? null } } };
}

function now(): number {
  return Math.floor(Date.now() / 1_000);
}
