import { type RedisServer, startRedis } from '@fournines/test-services';
import { timeout } from '@fournines/timeout';
import { compose } from '@fournines/core';
import { manualClock } from '@fournines/core/testing';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FleetRateLimit, type FleetRateLimitOptions, rateLimit } from '../src/index.ts';
import { settled } from './gates.ts';

let server: RedisServer;
const clients: Redis[] = [];
let keys = 0;

beforeAll(async () => {
  server = await startRedis();
});
afterAll(async () => {
  for (const client of clients) client.disconnect();
  await server.stop();
});

function connect(url = server.url): Redis {
  const client = new Redis(url, { retryStrategy: () => 20 });
  client.on('error', () => {});
  clients.push(client);
  return client;
}

async function ready(client: Redis): Promise<Redis> {
  await client.ping();
  return client;
}

function make(redis: Redis, options: Partial<FleetRateLimitOptions> = {}): FleetRateLimit {
  keys += 1;
  return rateLimit({
    limit: 5,
    interval: 60_000,
    deadline: 2_000,
    key: `limit:${keys}`,
    redis,
    ...options,
  });
}

/** How many of the calls, `calls` of each, are admitted. */
async function admittedOf(policies: readonly FleetRateLimit[], calls: number): Promise<number> {
  const outcomes = await Promise.allSettled(
    Array.from({ length: calls }, (_, n) =>
      policies.map((policy) => policy.execute(() => n)),
    ).flat(),
  );
  return outcomes.filter(({ status }) => status === 'fulfilled').length;
}

/** Waits for a condition by asking again in the next turns of the loop. */
async function until(condition: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + 10_000;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error('the condition did not come true in 10 s');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('rateLimit with Redis', () => {
  it('is one limit for several processes, each with a client of its own', async () => {
    const key = 'shared';
    const policies = await Promise.all(
      [1, 2, 3].map(async () => make(await ready(connect()), { key, limit: 10 })),
    );
    expect(await admittedOf(policies, 20)).toBe(10);
    const [first] = policies;
    await expect(first?.execute(() => 1)).rejects.toMatchObject({ code: 'ELIMITED' });
    const { counts } = first?.snapshot() ?? {};
    expect(counts?.rejected.unavailable).toBe(0);
  });

  it('says when to come back, by the clock of Redis', async () => {
    const redis = await ready(connect());
    const policy = make(redis, { limit: 2, interval: 10_000 });
    expect(await admittedOf([policy], 2)).toBe(2);
    const refusal = await policy.tryAcquire();
    expect(refusal.granted).toBe(false);
    if (refusal.granted) return;
    expect(refusal.retryAfterMs).toBeGreaterThan(3_000);
    expect(refusal.retryAfterMs).toBeLessThanOrEqual(5_000);
  });

  it('admits again when the time has come, and its key expires', async () => {
    const redis = await ready(connect());
    const policy = make(redis, { limit: 1, interval: 100, key: 'short' });
    expect((await policy.tryAcquire()).granted).toBe(true);
    expect(await redis.pttl('short')).toBeGreaterThan(0);
    await until(async () => (await policy.tryAcquire()).granted);
    await until(async () => (await redis.exists('short')) === 0);
  });

  it('keeps what was used up when it is resized, in calls and not in time', async () => {
    const policy = make(await ready(connect()), { limit: 1, interval: 60_000, burst: 10 });
    expect(await admittedOf([policy], 20)).toBe(10);
    policy.resize(100, 100);
    const up = await admittedOf([policy], 200);
    expect(up).toBeGreaterThanOrEqual(90);
    expect(up).toBeLessThan(95);
    policy.resize(1, 1);
    const refusal = await policy.tryAcquire();
    expect(refusal.granted ? undefined : refusal.retryAfterMs).toBeLessThanOrEqual(60_000);
  });

  it('finds its script again after Redis was restarted', async () => {
    await using own = await startRedis();
    const policy = make(await ready(connect(own.url)), { limit: 100 });
    await policy.execute(() => 1);
    await own.restart();
    await until(async () => {
      await policy.execute(() => 1).catch(() => {});
      return policy.snapshot().status === 'up';
    });
    expect(await policy.execute(() => 'again')).toBe('again');
  });

  it('never waits past its deadline for a Redis that hangs, and then limits by itself', async () => {
    await using own = await startRedis();
    const redis = await ready(connect(own.url));
    const policy = make(redis, { limit: 4, localShare: 0.5, deadline: 100, retryAfter: 60_000 });
    await policy.execute(() => 'warm');
    own.hang();
    const start = performance.now();
    expect(await policy.execute(() => 'local')).toBe('local');
    const waited = performance.now() - start;
    expect(waited).toBeGreaterThanOrEqual(99);
    expect(waited).toBeLessThan(1_000);
    expect(policy.snapshot().status).toBe('degraded');
    const next = performance.now();
    expect(await admittedOf([policy], 10)).toBe(1);
    expect(performance.now() - next).toBeLessThan(90);
    own.resume();
  });

  it('lets one call at a time try a Redis that was away, and heeds no answer that comes too late', async () => {
    await using own = await startRedis();
    const redis = await ready(connect(own.url));
    const clock = manualClock();
    const options = { deadline: 1_000, retryAfter: 5_000, onUnavailable: 'admit', clock } as const;
    const policy = make(redis, options);
    await policy.execute(() => 'warm');
    own.hang();
    const first = policy.execute(() => 'without Redis');
    await clock.advance(1_000);
    expect(await first).toBe('without Redis');
    await clock.advance(5_000);
    const trying = settled(policy.execute(() => 'tries'));
    expect(await policy.execute(() => 'does not')).toBe('does not');
    expect(trying.state).toBe('pending');
    await clock.advance(1_000);
    expect(trying.state).toBe('fulfilled');
    own.resume();
    await redis.ping();
    await clock.advance(0);
    expect(policy.snapshot().status).toBe('degraded');
    await clock.advance(5_000);
    await policy.execute(() => 'back');
    expect(policy.snapshot().status).toBe('up');
  });

  it('takes its share of the rate, and of what may come at once, while Redis is away', async () => {
    await using own = await startRedis();
    const redis = await ready(connect(own.url));
    const clock = manualClock();
    const policy = make(redis, { limit: 4, localShare: 0.5, deadline: 100, clock });
    await policy.execute(() => 'warm');
    own.hang();
    const first = policy.execute(() => 1);
    await clock.advance(100);
    await first;
    await policy.execute(() => 2);
    await expect(policy.execute(() => 3)).rejects.toMatchObject({ retryAfterMs: 30_000 });
    own.resume();
  });

  it('admits no call before its time, not even a few milliseconds', async () => {
    const redis = await ready(connect());
    await until(async () => {
      // A turn of the machine that took longer than a step says nothing.
      const policy = make(redis, { limit: 250, interval: 1_000, burst: 1 });
      await redis.ping();
      const start = performance.now();
      const admitted = await admittedOf([policy], 10);
      return performance.now() - start < 4 && admitted === 1;
    });
  });

  it('comes back to Redis when it answers again', async () => {
    await using own = await startRedis();
    const policy = make(await ready(connect(own.url)), {
      limit: 1_000_000,
      deadline: 200,
      retryAfter: 30,
    });
    own.hang();
    expect(await policy.execute(() => 1)).toBe(1);
    expect(policy.snapshot().status).toBe('degraded');
    own.resume();
    await until(async () => {
      await policy.execute(() => 1);
      return policy.snapshot().status === 'up';
    });
  });

  it.each([
    ['admit', 10],
    ['reject', 0],
    ['local', 5],
  ] as const)('does as it is told when Redis is dead: %s', async (onUnavailable, admitted) => {
    await using own = await startRedis();
    const redis = await ready(connect(own.url));
    await own.kill();
    const policy = make(redis, { onUnavailable, deadline: 100, retryAfter: 60_000 });
    expect(await admittedOf([policy], 10)).toBe(admitted);
    expect(policy.snapshot().counts.rejected).toEqual({
      rate: onUnavailable === 'local' ? 5 : 0,
      unavailable: onUnavailable === 'reject' ? 10 : 0,
    });
    if (onUnavailable !== 'reject') return;
    const refusal = await policy.tryAcquire();
    expect(refusal).toMatchObject({ granted: false, error: { code: 'ELIMITED' } });
    expect(refusal.granted ? undefined : refusal.retryAfterMs).toBeGreaterThan(50_000);
  });

  it('lets an aborted call leave at once while Redis hangs', async () => {
    await using own = await startRedis();
    const redis = await ready(connect(own.url));
    const policy = make(redis, { deadline: 30_000 });
    own.hang();
    const controller = new AbortController();
    let ran = false;
    const call = policy.execute(() => (ran = true), controller.signal);
    controller.abort('bye');
    await expect(call).rejects.toBe('bye');
    own.resume();
    await redis.ping();
    expect(ran).toBe(false);
    expect(policy.snapshot().gauges.inFlight).toBe(0);
  });

  it('says that a call whose time ran out while Redis hung was never started', async () => {
    await using own = await startRedis();
    const redis = await ready(connect(own.url));
    const policy = compose(timeout(50), make(redis, { deadline: 30_000 }));
    own.hang();
    await expect(policy.execute(() => 1)).rejects.toMatchObject({ code: 'EDEADLINE' });
    own.resume();
  });

  it('takes a client that throws, or answers nonsense, for one that is away', async () => {
    const broken = [
      {
        evalsha: () => {
          throw new Error('closed');
        },
        eval: () => Promise.resolve('0'),
      },
      { evalsha: () => Promise.resolve(null), eval: () => Promise.resolve('0') },
      { evalsha: () => Promise.resolve('soon'), eval: () => Promise.resolve('0') },
    ];
    for (const redis of broken) {
      const policy = rateLimit({ limit: 5, interval: 1_000, key: 'k', redis });
      expect(await admittedOf([policy], 10)).toBe(5);
      expect(policy.snapshot().status).toBe('degraded');
    }
  });
});
