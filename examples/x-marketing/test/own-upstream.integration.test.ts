import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { testDatabase } from '@fournines/test-services';
import { expect, it } from 'vitest';
import { runService } from './run-service.ts';
import { prompting } from './upstream-faults.ts';

async function listen(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<AsyncDisposable & { readonly origin: string }> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Whether something happens within so many milliseconds from now. */
async function within(ms: number, happening: Promise<void>): Promise<boolean> {
  const began = performance.now();
  await happening;
  return performance.now() - began < ms;
}

it('gives an upstream its token, the time that is left, and the end of a call whose client has left', async () => {
  const asked = Promise.withResolvers<IncomingMessage['headers']>();
  const left = { trends: Promise.withResolvers<void>(), text: Promise.withResolvers<void>() };
  await using database = await testDatabase();
  await using upstream = await listen((request, response) => {
    if (request.method === 'GET') {
      asked.resolve(request.headers);
      response.once('close', left.trends.resolve);
      return;
    }
    response.once('close', left.text.resolve);
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('data: {"choices":[{"delta":{"content":"Launch"}}]}\n\n');
  });
  const own = await runService({
    DATABASE_URL: database.url,
    X_API_URL: upstream.origin,
    X_API_TOKEN: 'secret',
    LLM_SERVICE_URL: upstream.origin,
  });
  try {
    const base = await own.printed(/ready on (\S+)/);
    const client = new AbortController();
    const trends = fetch(`${base}/api/trends`, {
      headers: { 'grpc-timeout': '1200m' },
      signal: client.signal,
    });
    const headers = await asked.promise;
    expect(headers.authorization).toBe('Bearer secret');
    const remaining = Number(headers['x-envoy-expected-rq-timeout-ms']);
    // The client waits for less long than an attempt may take.
    expect(remaining).toBeGreaterThan(700);
    expect(remaining).toBeLessThanOrEqual(1_200);
    client.abort();
    await expect(trends).rejects.toThrow();
    // Sooner than by the attempt's timeout.
    expect(await within(1_000, left.trends.promise)).toBe(true);

    const reader = new AbortController();
    const { signal } = reader;
    const streaming = prompting('Launch', { accept: 'text/event-stream' });
    // Its headers come with the first piece.
    const text = await fetch(`${base}/api/content/generate`, { ...streaming, signal });
    expect(text.status).toBe(200);
    reader.abort();
    // Sooner than by the bound of the gap between pieces.
    expect(await within(2_000, left.text.promise)).toBe(true);
  } finally {
    await own.cleanUp();
  }
}, 30_000);
