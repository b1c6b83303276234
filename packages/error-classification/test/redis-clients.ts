import { Redis, type RedisOptions } from 'ioredis';

/** Clients of one test file, closed together. */
export interface RedisClients extends Disposable {
  /** A client that is soon connected again, and whose errors outside of commands are nobody's. */
  connect(to: { readonly port: number }, options?: Omit<RedisOptions, 'replyMapping'>): Redis;
}

/** Keeps the clients of a test file. */
export function redisClients(): RedisClients {
  const clients: Redis[] = [];
  return {
    connect({ port }, options = {}) {
      const client = new Redis({ port, retryStrategy: () => 20, ...options });
      client.on('error', () => undefined);
      clients.push(client);
      return client;
    },
    [Symbol.dispose]() {
      for (const client of clients.splice(0)) client.disconnect();
    },
  };
}
