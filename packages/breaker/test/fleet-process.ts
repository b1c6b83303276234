import { type RedisServer, startRedis } from '@fournines/test-services';
import { type ManualClock, manualClock } from '@fournines/core/testing';
import { Redis } from 'ioredis';
import { expect, vi } from 'vitest';
import {
  type CircuitBreaker,
  type CircuitBreakerOptions,
  type Fleet,
  circuitBreaker,
  fleet,
} from '../src/index.ts';

let server: RedisServer | undefined;
let prefixes = 0;
const open: Disposable[] = [];

/** Starts the Redis of these fleets, and returns what ends it and them. */
export async function startFleets(): Promise<() => Promise<void>> {
  server = await startRedis();
  return async () => {
    for (const one of open) one[Symbol.dispose]();
    await server?.stop();
  };
}

export const until = <T>(check: () => Promise<T> | T): Promise<T> =>
  vi.waitFor(check, { timeout: 10_000, interval: 5 });
export const sick: Error = Object.assign(new Error('down'), { code: 'ECONNREFUSED' });
export const fail = (breaker: CircuitBreaker): Promise<unknown> =>
  breaker.execute(() => Promise.reject(sick)).catch(() => {});
export const call = (breaker: CircuitBreaker): Promise<unknown> =>
  breaker.execute(() => 'ok').catch((error: { code: string }) => error.code);

/** What stands for a process: a client of a real Redis, a fleet, and a time of its own in the test's hands. */
export class Process {
  readonly clock: ManualClock = manualClock();
  readonly redis: Redis;
  readonly prefix: string;
  readonly fleet: Fleet;

  constructor(prefix: string, redis: RedisServer | undefined) {
    this.prefix = prefix;
    this.redis = new Redis(redis?.url ?? '');
    this.redis.on('error', () => {});
    this.fleet = fleet(this.redis, { prefix, clock: this.clock });
    open.push({ [Symbol.dispose]: () => this.redis.disconnect() });
    open.push({ [Symbol.dispose]: () => void this.fleet.close() });
  }

  breaker(options: CircuitBreakerOptions = {}): CircuitBreaker {
    return circuitBreaker({
      name: 'db',
      failureThreshold: 1,
      resetTimeout: 1_000,
      halfOpen: { permittedCalls: 1, maxWait: 10_000 },
      clock: this.clock,
      fleet: this.fleet,
      ...options,
    });
  }

  /** Who holds the lease; after this the answers to all that was asked before have come. */
  holder(name = 'db'): Promise<string | null> {
    return this.redis.get(`${this.prefix}:probe:${name}`);
  }

  leaseMs(): Promise<number> {
    return this.redis.pttl(`${this.prefix}:probe:db`);
  }
}

export function processes(count: number): Promise<Process[]> {
  return processesOn(server, count);
}

/** Processes with a Redis of their own. */
export async function processesOn(
  redis: RedisServer | undefined,
  count: number,
): Promise<Process[]> {
  prefixes += 1;
  const list = Array.from({ length: count }, () => new Process(`probes:${prefixes}`, redis));
  await until(() => expect(list.every((one) => one.fleet.isConnected)).toBe(true));
  return list;
}
