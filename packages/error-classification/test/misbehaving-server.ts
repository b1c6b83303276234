import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import * as tls from 'node:tls';

/** A server on loopback that does as the test says. */
export interface MisbehavingServer extends AsyncDisposable {
  readonly port: number;
}

/** Waits for the first bytes of each connection, then misbehaves. */
export function misbehavingServer(act: (socket: Socket) => void): Promise<MisbehavingServer> {
  return listen(createServer(), 'connection', (socket) => socket.once('data', () => act(socket)));
}

/** Answers every request over TLS with `ok`, if a client gets that far. */
export function tlsServer(options: tls.TlsOptions): Promise<MisbehavingServer> {
  return listen(tls.createServer(options), 'secureConnection', (socket) =>
    socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nok')),
  );
}

async function listen(
  server: Server,
  event: 'connection' | 'secureConnection',
  serve: (socket: Socket) => void,
): Promise<MisbehavingServer> {
  const sockets = new Set<Socket>();
  server.on(event, (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    serve(socket);
  });
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
