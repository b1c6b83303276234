import { once } from 'node:events';
import { connect } from 'node:net';
import { TestServer } from './server.ts';

/** How to start a Redis. */
export interface RedisOptions {
  /** More arguments of `redis-server`, such as `['--requirepass', 'secret']`. Default none. */
  readonly args?: readonly string[];
}

/** A running Redis that keeps nothing on disk unless its arguments say so. */
export interface RedisServer extends TestServer {
  /** `redis://127.0.0.1:<port>` */
  readonly url: string;
}

/** Starts a Redis of your own, to be killed and hung at will: takes some 30 ms. */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const server = await TestServer.start({
    name: 'redis',
    stopSignal: 'SIGTERM',
    command: (folder, port) => [
      'redis-server',
      ...['--port', String(port), '--bind', '127.0.0.1', '--dir', folder],
      ...['--save', '', '--appendonly', 'no', '--daemonize', 'no', '--set-proc-title', 'no'],
      ...(options.args ?? []),
    ],
    probe: ping,
  });
  return Object.assign(server, { url: `redis://127.0.0.1:${server.port}` });
}

/** Any answer will do (it may want a password first) but that it is still reading its data. */
async function ping(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  try {
    socket.write('PING\r\n');
    const [answer] = (await once(socket, 'data', { signal: AbortSignal.timeout(2000) })) as [
      Buffer,
    ];
    if (answer.toString().startsWith('-LOADING')) throw new Error('redis is loading its data');
  } finally {
    socket.destroy();
  }
}
