import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import { type AddressInfo, type Socket, createServer as createTcpServer } from 'node:net';

/** One request as a server saw it. */
export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  readonly at: number;
}

/** A real HTTP server on loopback, which does to each request what its handler wants. */
export interface TestServer extends AsyncDisposable {
  readonly origin: string;
  readonly seen: readonly Seen[];
  /** Sockets that are open now. */
  readonly sockets: ReadonlySet<Socket>;
}

/** Starts one. The handler gets the number of the request, from 0; `raw` ones do not wait for the request's body. */
export async function testServer(
  handler: (response: ServerResponse, index: number, request: IncomingMessage) => void,
  options: { raw?: boolean } = {},
): Promise<TestServer> {
  const seen: Seen[] = [];
  const sockets = new Set<Socket>();
  const server: Server = createServer((request, response) => {
    const index = seen.length;
    let body = '';
    const entry = (): Seen => ({
      method: request.method ?? '',
      path: request.url ?? '',
      headers: request.headers,
      body,
      at: performance.now(),
    });
    seen.push(entry());
    if (options.raw === true) return handler(response, index, request);
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      seen[index] = entry();
      handler(response, index, request);
    });
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    sockets,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}

/** An origin on which nobody listens. */
export async function closedOrigin(): Promise<string> {
  const server = createTcpServer();
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => {
    server.close(resolve);
  });
  return `http://127.0.0.1:${port}`;
}

/** Waits until a condition holds; gives up shortly before the test's own time limit. */
export async function until(condition: () => boolean): Promise<void> {
  const end = performance.now() + 4_500;
  while (!condition()) {
    if (performance.now() > end) throw new Error('the condition does not come to hold');
    await new Promise((resolve) => {
      setTimeout(resolve, 2);
    });
  }
}
