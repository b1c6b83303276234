import { createServer } from 'node:net';
import { StartError } from '../start-error.ts';

/** The first free port of the loopback interface from `first` on. */
export async function freePort(first: number): Promise<number> {
  for (let port = first; port < first + 200; port += 1) {
    if (await isFree(port)) return port;
  }
  throw new StartError(
    `no free port for PostgreSQL from ${first} to ${first + 199}: set DATABASE_URL`,
  );
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
