import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { readJson, sendJson } from './json-http.ts';
import { type Answer, serve } from './serve.ts';

/** A sample of a language model behind OpenAI's chat completions form. */
const answer: Answer = async (request, response, url) => {
  if (request.method !== 'POST' || url.pathname !== '/v1/chat/completions') return false;
  const body = (await readJson(request)) as { messages?: { content?: unknown }[]; stream?: unknown };
  const prompt = body?.messages?.at(-1)?.content;
  if (typeof prompt !== 'string') {
    const error = { type: 'invalid_request_error', code: null, message: 'messages must not be empty' };
    sendJson(response, 400, { error });
    return true;
  }
  const text = `${prompt.trim().replace(/[.!?]*$/, '')}: told in one post, with a link and a smile.`;
  if (body.stream === true) await streamTokens(response, text);
  else {
    const choices = [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: text } }];
    sendJson(response, 200, { object: 'chat.completion', choices });
  }
  return true;
};

/** One server-sent event a word, then `[DONE]`. */
async function streamTokens(response: ServerResponse, text: string): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  for (const word of text.split(' ')) {
    const choices = [{ index: 0, delta: { content: `${word} ` } }];
    response.write(`data: ${JSON.stringify({ object: 'chat.completion.chunk', choices })}\n\n`);
    await sleep(5);
  }
  response.end('data: [DONE]\n\n');
}

serve(answer);
