import { type RedisServer, startRedis } from '@fournines/test-services';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  type CircuitBreaker,
  type CircuitBreakerOptions,
  type Fleet,
  circuitBreaker,
  fleet,
} from '../src/index.ts';
import { call, fail, sick, until } from './fleet-process.ts';

/** Longer than that, news is late. */
const DEADLINE_MS = 60;

interface Member {
  readonly fleet: Fleet;
  readonly redis: Redis;
  breaker(options?: CircuitBreakerOptions): CircuitBreaker;
}

let server: RedisServer;
const members: Member[] = [];
beforeEach(async () => {
  server = await startRedis();
});
afterEach(async () => {
  server.resume();
  for (const { fleet: shared, redis } of members.splice(0)) {
    await shared.close();
    redis.disconnect();
  }
  await server.stop();
});

/** A client of a real Redis, and a fleet that lives by the system's clock. */
async function join(): Promise<Member> {
  const redis = new Redis(server.url);
  const shared = fleet(redis, { deadline: DEADLINE_MS });
  members.push({
    fleet: shared,
    redis,
    breaker: (options = {}) =>
      circuitBreaker({
        name: 'db',
        failureThreshold: 1,
        resetTimeout: 50,
        halfOpen: { permittedCalls: 1 },
        fleet: shared,
        ...options,
      }),
  });
  await until(() => expect(shared.isConnected).toBe(true));
  const member = members.at(-1);
  if (member === undefined) throw new Error('none has joined');
  return member;
}

const reasons = (breaker: CircuitBreaker): unknown[] => breaker.history.map(({ reason }) => reason);
/** Nobody tells it that it may: it probes when the deadline is over. */
const recovered = (breaker: CircuitBreaker): Promise<void> =>
  until(async () => {
    await call(breaker);
    expect(breaker.state).toBe('closed');
  });
const elapsed = (ms: number): Promise<void> => {
  const since = performance.now();
  return until(() => expect(performance.now() - since).toBeGreaterThan(ms));
};

/** Whatever was said before has been heard by all: so has a word of each that is said now. */
async function allIsHeard(): Promise<void> {
  for (const [place, teller] of members.entries()) {
    const name = `word of ${place}`;
    const ears = members.map((member) => member.breaker({ name, resetTimeout: 60_000 }));
    const mouth = ears[place];
    if (mouth === undefined) throw new Error('nobody tells');
    expect(teller.fleet.isConnected).toBe(true);
    await mouth.execute(() => Promise.reject(sick)).catch(() => {});
    await until(() => expect(ears.map(({ state }) => state)).toEqual(ears.map(() => 'open')));
  }
}

describe('Redis hung (SIGSTOP) and goes on', () => {
  test('news of breaks that are over open no healthy circuit', async () => {
    const [one, two, three] = [await join(), await join(), await join()];
    const [a, b, c] = [one.breaker(), two.breaker(), three.breaker()];
    server.hang();
    await fail(a);
    await fail(b);
    await recovered(a);
    await recovered(b);
    server.resume();
    await allIsHeard();
    expect(reasons(a)).toEqual(['tripped', 'probing', 'recovered']);
    expect(reasons(b)).toEqual(['tripped', 'probing', 'recovered']);
    expect(reasons(c)).toEqual([]);
    const late = (await join()).breaker();
    await allIsHeard();
    expect(reasons(late)).toEqual([]);
  });

  test('a break that nobody came to end is over as well', async () => {
    const [one, two] = [await join(), await join()];
    const [a, b] = [one.breaker({ resetTimeout: 100 }), two.breaker()];
    server.hang();
    await fail(a);
    await elapsed(150);
    server.resume();
    await allIsHeard();
    expect(reasons(a)).toEqual(['tripped']);
    expect(reasons(b)).toEqual([]);
  });

  test('news that still holds is heard, for the rest of the time', async () => {
    const [one, two] = [await join(), await join()];
    const [a, b] = [one.breaker({ resetTimeout: 60_000 }), two.breaker()];
    server.hang();
    await fail(a);
    await elapsed(DEADLINE_MS + 50);
    server.resume();
    await until(() => expect(b.state).toBe('open'));
    expect(b.retryAfterMs).toBeLessThanOrEqual(60_000 - DEADLINE_MS - 50);
    expect(reasons(a)).toEqual(['tripped']);
  });

  test('who recovered after another one opened closes it, and is not opened by it', async () => {
    const [one, two, three] = [await join(), await join(), await join()];
    const [a, b, c] = [one.breaker({ resetTimeout: 60_000 }), two.breaker(), three.breaker()];
    server.hang();
    await fail(a);
    await elapsed(DEADLINE_MS + 50);
    await fail(b);
    await recovered(b);
    server.resume();
    await until(() => expect(reasons(a)).toEqual(['tripped', 'fleet']));
    await allIsHeard();
    expect(reasons(b)).toEqual(['tripped', 'probing', 'recovered']);
    const late = (await join()).breaker();
    await allIsHeard();
    expect([a, b, c, late].map(({ state }) => state)).toEqual(Array(4).fill('closed'));
  });

  test('who closed before another one opened does not close it, nor take its word back', async () => {
    const [one, two] = [await join(), await join()];
    const [a, b] = [one.breaker(), two.breaker({ resetTimeout: 60_000 })];
    server.hang();
    await fail(a);
    await recovered(a);
    await elapsed(DEADLINE_MS + 50);
    await fail(b);
    server.resume();
    await allIsHeard();
    expect(reasons(b)).toEqual(['tripped']);
    expect(a.state).toBe('open');
    expect(a.retryAfterMs).toBeLessThanOrEqual(b.retryAfterMs + 50);
    expect(await one.redis.exists('fournines:breaker:state:db')).toBe(1);
  });
});
