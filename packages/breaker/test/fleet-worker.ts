import { Redis } from 'ioredis';
import { circuitBreaker, fleet } from '../src/index.ts';

/** One process of a fleet: does what its parent says and tells what its breaker does. */
const [url = '', resetTimeout = '400'] = process.argv.slice(2);
const redis = new Redis(url, { maxRetriesPerRequest: 1, retryStrategy: () => 50 });
redis.on('error', () => {});
const shared = fleet(redis, { prefix: 'test:fleet', deadline: 200 });
const policy = circuitBreaker({
  name: 'db',
  failureThreshold: 2,
  resetTimeout: Number(resetTimeout),
  halfOpen: { permittedCalls: 1 },
  fleet: shared,
});
const tell = (message: object): void => void process.send?.({ ...message, at: Date.now() });
policy.onStateChange(({ to, reason, trip }) => tell({ to, reason, why: trip?.inequality }));

const sick = Object.assign(new Error('down'), { code: 'ECONNREFUSED' });
const commands: Record<string, () => Promise<unknown>> = {
  fail: () => policy.execute(() => Promise.reject(sick)).catch(() => {}),
  call: () => policy.execute(() => 'ok').catch((error: { code: string }) => error.code),
  state: async () => policy.state,
  connected: async () => shared.isConnected,
  reset: async () => policy.reset(),
  close: async () => {
    await shared.close();
    redis.disconnect();
  },
};
process.on('message', (command: string) => {
  void commands[command]?.().then((answer) => tell({ answer: answer ?? 'done' }));
});
process.on('disconnect', () => process.exit());
