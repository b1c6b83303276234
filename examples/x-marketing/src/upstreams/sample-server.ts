import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Fault, faultSwitch } from './faults.ts';

/** A request as the routes of a sample server see it. */
export interface SampleRequest {
  readonly method: string;
  readonly url: URL;
  readonly body: unknown;
  readonly headers: IncomingMessage['headers'];
  /** To be awaited in the middle of a body that is written bit by bit: there the fault in force strikes. */
  midway(): Promise<void>;
}

/** Answers a request: with JSON, or by writing to `response` itself and returning `undefined`. */
export type SampleRoutes = (
  request: SampleRequest,
  response: ServerResponse,
) => SampleAnswer | undefined | Promise<SampleAnswer | undefined>;

/** A JSON answer. */
export interface SampleAnswer {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What a sample server says differently from the others. */
export interface SampleOptions {
  /** The answer of the fault `rate-limit`. */
  readonly rateLimited: () => SampleAnswer;
}

/**
 * Runs `routes` as this process: an HTTP server on the loopback interface with the fault switch
 * `/__faults`. It tells its parent the address and ends when the parent does.
 */
export function serveSample(routes: SampleRoutes, options: SampleOptions): void {
  const faults = faultSwitch();
  const server = createServer((request, response) => {
    void answer(request, response).catch((error: unknown) => {
      if (!response.headersSent) send(response, { status: 500, body: { error: String(error) } });
      else response.destroy();
    });
  });
  server.listen({ host: '127.0.0.1', port: Number(process.env['PORT'] ?? 0) }, () => {
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    if (process.send === undefined) console.log(`listening on http://127.0.0.1:${port}`);
    else process.send({ port });
  });
  process.once('disconnect', () => process.exit(0));

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://localhost');
    const method = request.method ?? 'GET';
    const body = await readJson(request);
    if (url.pathname === '/__faults') {
      const problem = method === 'POST' ? faults.set(body) : undefined;
      if (problem === undefined) send(response, { status: 200, body: faults.current });
      else send(response, { status: 400, body: { error: problem } });
      return;
    }
    const fault = faults.take();
    if ((await strike(fault, request, response, options)) === 'served') return;
    const midway = () => strikeMidway(fault, request);
    const { headers } = request;
    const answered = await routes({ method, url, body, headers, midway }, response);
    if (answered !== undefined) await sendInHalves(response, answered, midway);
  }
}

/** Writes a JSON answer. */
function send(response: ServerResponse, { status, body, headers }: SampleAnswer): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}

/** As `send`, with a moment in the middle in which the connection may be lost. */
async function sendInHalves(
  response: ServerResponse,
  { status, body, headers }: SampleAnswer,
  midway: () => Promise<void>,
): Promise<void> {
  const text = Buffer.from(JSON.stringify(body));
  const half = Math.floor(text.length / 2);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': text.length,
    ...headers,
  });
  response.write(text.subarray(0, half));
  await midway();
  if (!response.destroyed) response.end(text.subarray(half));
}

async function strikeMidway({ mode, delayMs }: Fault, request: IncomingMessage): Promise<void> {
  if (mode === 'slow-body') await sleep(delayMs);
  if (mode !== 'cut') return;
  // What was written has left by then.
  await sleep(20);
  request.socket.resetAndDestroy();
}

async function strike(
  fault: Fault,
  request: IncomingMessage,
  response: ServerResponse,
  options: SampleOptions,
): Promise<'served' | 'pass'> {
  switch (fault.mode) {
    case 'ok':
    case 'slow-body':
    case 'cut':
      return 'pass';
    case 'slow':
      await sleep(fault.delayMs);
      return 'pass';
    case 'hang':
      // Neither answers nor closes; the caller has to give up.
      return 'served';
    case 'reset':
      request.socket.resetAndDestroy();
      return 'served';
    case 'error':
      send(response, {
        status: fault.status,
        body: { title: 'Fault switched on', status: fault.status },
        headers: retryAfter(fault),
      });
      return 'served';
    case 'rate-limit': {
      const answer = options.rateLimited();
      send(response, { ...answer, headers: { ...answer.headers, ...retryAfter(fault) } });
      return 'served';
    }
    case 'garbage':
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end('{"data":[{"tr');
      return 'served';
  }
}

function retryAfter(fault: Fault): Readonly<Record<string, string>> {
  return fault.retryAfter === undefined ? {} : { 'retry-after': String(fault.retryAfter) };
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString('utf8');
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}
