import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Faults } from './faults.ts';
import { sendJson } from './json-http.ts';

/** Answers one request. Returns false when it knows no such route. */
export type Answer = (
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
) => Promise<boolean> | boolean;

/**
 * Runs a sample server as a process of its own: on a free loopback port, whose URL it sends to its
 * parent. It ends when the parent is gone, and leaves Ctrl-C to it.
 */
export function serve(answer: Answer): void {
  const faults = new Faults();
  const server = createServer((request, response) => {
    void respond(faults, answer, request, response).catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1', () => {
    const { port } = server.address() as AddressInfo;
    process.send?.({ url: `http://127.0.0.1:${port}` });
  });
  process.on('disconnect', () => process.exit(0));
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => {});
}

async function respond(
  faults: Faults,
  answer: Answer,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (await faults.serveSwitch(request, response)) return;
  if (await faults.meet(request, response)) return;
  const url = new URL(request.url ?? '/', 'http://localhost');
  if (!(await answer(request, response, url))) sendJson(response, 404, { title: 'Not Found' });
}
