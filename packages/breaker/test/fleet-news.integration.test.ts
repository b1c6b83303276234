import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type CircuitBreakers, circuitBreaker, circuitBreakers, fleet } from '../src/index.ts';
import { startRedis } from '@fournines/test-services';
import {
  type Process,
  call,
  fail,
  processes,
  processesOn,
  sick,
  startFleets,
  until,
} from './fleet-process.ts';

let end: () => Promise<void>;
beforeAll(async () => {
  end = await startFleets();
});
afterAll(() => end());

test('the members of two groups on one fleet do not meet, those of one group do', async () => {
  const [one, two] = (await processes(2)) as [Process, Process];
  const options = (owner: Process) => () => ({ failureThreshold: 1, fleet: owner.fleet });
  const tenants = circuitBreakers(options(one), { name: 'tenants' });
  const models = circuitBreakers(options(two), { name: 'models' });
  const others = circuitBreakers(options(two), { name: 'tenants' });
  models.for('acme');
  others.for('acme');
  await tenants.execute(() => Promise.reject(sick), { key: 'acme' }).catch(() => {});
  await until(() => expect(others.get('acme')?.state).toBe('open'));
  expect(models.get('acme')?.state).toBe('closed');
  expect(await one.redis.exists(`${one.prefix}:state:tenants/acme`)).toBe(1);
});

test('a breaker that a group made and did not need is no member of the fleet', async () => {
  const [one, two] = (await processes(2)) as [Process, Process];
  const options = { failureThreshold: 1, fleet: two.fleet };
  const other = circuitBreakers(() => options, { name: 'g' });
  let depth = 0;
  const nested: CircuitBreakers = circuitBreakers(
    (key) => {
      depth += 1;
      if (depth === 1) nested.for(key);
      return { failureThreshold: 1, fleet: one.fleet };
    },
    { name: 'g' },
  );
  nested.for('a');
  let heard = 0;
  const hear = (): void => void (heard += 1);
  nested.for('a').onStateChange(hear);
  const channels = ['state-change', 'trip-withheld'].map(
    (type) => `fournines:circuit-breaker:${type}`,
  );
  for (const channel of channels) subscribe(channel, hear);
  await other.execute(() => Promise.reject(sick), { key: 'a' }).catch(() => {});
  await until(() => expect(nested.for('a').state).toBe('open'));
  for (const channel of channels) unsubscribe(channel, hear);
  // The one that tripped, on the channel; the one that heard of it, on the channel and here.
  expect(heard).toBe(3);
});

test('a member that was dropped hears no news, and catches up when it comes back', async () => {
  const [one, two] = (await processes(2)) as [Process, Process];
  const options = (owner: Process) => () => ({ failureThreshold: 1, fleet: owner.fleet });
  const mine = circuitBreakers(options(one), { name: 'g', maxKeys: 1 });
  const theirs = circuitBreakers(options(two), { name: 'g' });
  const held = mine.for('a');
  mine.for('b');
  theirs.for('a');
  theirs.for('b');
  await theirs.execute(() => Promise.reject(sick), { key: 'a' }).catch(() => {});
  await theirs.execute(() => Promise.reject(sick), { key: 'b' }).catch(() => {});
  await until(() => expect(mine.get('b')?.state).toBe('open'));
  expect(held.state).toBe('closed');
  await held.execute(() => 'ok');
  await until(() => expect(held.state).toBe('open'));
});

test('a circuit that stays open for good does so everywhere, also where it is heard of late', async () => {
  const [one, two, three] = (await processes(3)) as [Process, Process, Process];
  const a = one.breaker({ resetTimeout: () => Infinity });
  const b = two.breaker();
  await fail(a);
  await until(() => expect(b.state).toBe('open'));
  expect(b.retryAfterMs).toBe(Infinity);
  const late = three.breaker();
  await until(() => expect(late.state).toBe('open'));
  expect(late.retryAfterMs).toBe(Infinity);
});

test('a break of a fraction of a millisecond, or of none, is told too', async () => {
  const [one, two] = (await processes(2)) as [Process, Process];
  const opened: string[] = [];
  two.breaker().onStateChange(({ to }) => opened.push(to));
  await fail(one.breaker({ resetTimeout: 60_000.5 }));
  await until(() => expect(opened).toEqual(['open']));
  await until(async () => expect(await one.redis.exists(`${one.prefix}:state:db`)).toBe(1));

  const warnings: string[] = [];
  const listen = ({ message }: Error): void => void warnings.push(message);
  process.on('warning', listen);
  await fail(one.breaker({ name: 'none', resetTimeout: 0 }));
  await one.redis.ping();
  await one.clock.advance(0);
  process.off('warning', listen);
  expect(warnings).toEqual([]);
});

test("a client that throws instead of rejecting changes no call's outcome", async () => {
  const [one] = (await processes(1)) as [Process];
  const broken = new Proxy(one.redis, {
    get(redis, name) {
      if (name === 'duplicate') return () => redis.duplicate();
      return () => {
        throw new Error('Connection is closed');
      };
    },
  });
  await using shared = fleet(broken, { prefix: 'throws', clock: one.clock });
  await until(() => expect(shared.isConnected).toBe(true));
  const breaker = one.breaker({ fleet: shared });
  await expect(breaker.execute(() => Promise.reject(sick))).rejects.toBe(sick);
  expect(breaker.state).toBe('open');
  expect(breaker.snapshot().gauges.inFlight).toBe(0);
  await one.clock.advance(1_000);
  await until(async () => expect(await call(breaker)).toBe('ok'));
  expect(breaker.state).toBe('closed');
  breaker.reset();
});

test('nobody hears itself, neither at once nor when its subscription is back', async () => {
  const [one, two] = (await processes(2)) as [Process, Process];
  const a = one.breaker({ resetTimeout: 60_000 });
  const b = two.breaker();
  await fail(a);
  await until(() => expect(b.state).toBe('open'));
  a.reset();
  await until(() => expect(b.history.map(({ to }) => to)).toEqual(['open', 'closed']));
  expect(a.history.map(({ reason }) => reason)).toEqual(['tripped', 'reset']);

  await fail(a);
  await until(() => expect(b.state).toBe('open'));
  await one.clock.advance(60_000);
  await two.redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
  await until(() => expect(one.fleet.isConnected).toBe(false));
  await until(() => expect(one.fleet.isConnected).toBe(true));
  await one.redis.ping();
  expect(a.retryAfterMs).toBe(0);
  expect(a.history.map(({ reason }) => reason)).toEqual(['tripped', 'reset', 'tripped']);
});

test('an isolated circuit is moved by no news', async () => {
  const [one, two, three] = (await processes(3)) as [Process, Process, Process];
  const a = one.breaker();
  const b = two.breaker();
  const witness = three.breaker();
  const isolation = b.isolate('by hand');
  await fail(a);
  await until(() => expect(witness.state).toBe('open'));
  a.reset();
  await until(() => expect(witness.state).toBe('closed'));
  await two.redis.ping();
  isolation.dispose();
  expect(b.history.map(({ reason }) => reason)).toEqual(['isolated', 'released']);

  await fail(a);
  await until(() => expect(b.state).toBe('open'));
  const again = b.isolate('by hand');
  a.reset();
  await until(() => expect(witness.state).toBe('closed'));
  await two.redis.ping();
  again.dispose();
  expect(b.state).toBe('half-open');
});

test('news of a shorter break does not cut a longer one short', async () => {
  const [one] = (await processes(1)) as [Process];
  const a = one.breaker({ resetTimeout: 60_000 });
  await fail(a);
  const tell = (breakMs: number): Promise<number> => {
    const trip = { rule: 'failure-rate', inequality: 'x', window: {}, failures: {} };
    const opening = { breakMs, openings: 1, trip };
    const word = { by: 'another', name: 'db', at: Date.now(), opening };
    return one.redis.publish(one.prefix, JSON.stringify(word));
  };
  await tell(1_000);
  await tell(120_000);
  await until(() => expect(a.retryAfterMs).toBeGreaterThan(60_000));
  expect(a.history.map(({ reason }) => reason)).toEqual(['tripped', 'fleet']);
});

test('an older word that comes after a newer one moves nothing', async () => {
  const [one] = (await processes(1)) as [Process];
  const a = one.breaker();
  const at = Date.now();
  const trip = { rule: 'failure-rate', inequality: 'x', window: {}, failures: {} };
  const opening = { breakMs: 60_000, openings: 1, trip };
  const say = (word: object): Promise<number> =>
    one.redis.publish(one.prefix, JSON.stringify({ by: 'another', name: 'db', ...word }));
  await say({ at, opening });
  await say({ at: at - 1 });
  await until(() => expect(a.state).toBe('open'));
  await say({ at: at + 1, opening: { ...opening, breakMs: 120_000 } });
  await until(() => expect(a.retryAfterMs).toBeGreaterThan(60_000));
  await say({ at: at + 1 });
  await until(() => expect(a.state).toBe('closed'));
  expect(a.history.map(({ to }) => to)).toEqual(['open', 'open', 'closed']);
});

test('what a server says late, to be left alone for longer, all know', async () => {
  const [one, two] = (await processes(2)) as [Process, Process];
  const options = { name: 'late', failureThreshold: 1, resetTimeout: 500 };
  const here = circuitBreaker({
    ...options,
    fleet: one.fleet,
    openOn: ({ ok }) => (ok ? 60_000 : undefined),
  });
  const there = circuitBreaker({ ...options, fleet: two.fleet });
  const late = here.tryAcquire();
  await here.execute(() => Promise.reject(sick)).catch(() => {});
  await until(() => expect(there.state).toBe('open'));
  if (late.granted) late.success('come back in a minute');
  await until(() => expect(there.retryAfterMs).toBeGreaterThan(10_000));
});

test('Redis hung: what it learns late moves nobody that went on alone', async () => {
  const server = await startRedis();
  try {
    const [one, two] = (await processesOn(server, 2)) as [Process, Process];
    const a = one.breaker();
    const b = two.breaker();
    await one.redis.ping();
    server.hang();
    // Both trip, come back by themselves, and a trips once more: all of it waits in sockets.
    for (const { clock, breaker } of [
      { clock: one.clock, breaker: a },
      { clock: two.clock, breaker: b },
    ]) {
      await fail(breaker);
      await clock.advance(1_000);
      const probing = call(breaker);
      await clock.advance(250);
      await probing;
      await call(breaker);
      expect(breaker.state).toBe('closed');
    }
    await two.clock.advance(10_000);
    const before = b.history.length;
    await one.clock.advance(10_000);
    await fail(a);
    await one.clock.advance(600);
    server.resume();
    await until(() => expect(b.state).toBe('open'));
    // Only what holds is told, for as long as it does.
    expect(b.history.slice(before).map(({ reason }) => reason)).toEqual(['fleet']);
    expect(b.retryAfterMs).toBeLessThanOrEqual(400);
    expect(a.history.map(({ reason }) => reason)).toEqual([
      'tripped',
      'probing',
      'recovered',
      'tripped',
    ]);
  } finally {
    server.resume();
    await server.stop();
  }
});

test('breakers of one name are one in one process too', async () => {
  const [one, two] = (await processes(2)) as [Process, Process];
  const a = one.breaker();
  const namesake = one.breaker();
  const b = two.breaker();
  await fail(a);
  expect(namesake.state).toBe('open');
  await until(() => expect(b.state).toBe('open'));
  namesake.reset();
  expect(a.state).toBe('closed');
  await until(() => expect(b.state).toBe('closed'));
  expect(a.history.map(({ reason }) => reason)).toEqual(['tripped', 'fleet']);
});

test('a listener that closes it again as it opens leaves all closed', async () => {
  const [one, two] = (await processes(2)) as [Process, Process];
  const a = one.breaker({ resetTimeout: 60_000 });
  const b = two.breaker();
  a.onStateChange(({ to }) => {
    if (to === 'open') a.reset();
  });
  await fail(a);
  expect(a.state).toBe('closed');
  await until(() => expect(b.history.map(({ to }) => to).at(-1)).toBe('closed'));
  await one.redis.ping();
  await two.redis.ping();
  expect(b.state).toBe('closed');
});

test('a shadow tells nobody, and hears', async () => {
  const [one, two] = (await processes(2)) as [Process, Process];
  const shadow = one.breaker({ enforcement: 0 });
  const witness = one.breaker({ name: 'witness' });
  const enforced = two.breaker();
  const other = two.breaker({ name: 'witness' });
  await fail(shadow);
  shadow.reset();
  await fail(shadow);
  expect(shadow.state).toBe('open');
  await fail(witness);
  await until(() => expect(other.state).toBe('open'));
  expect(enforced.history).toEqual([]);
  shadow.reset();
  await fail(enforced);
  await until(() => expect(shadow.state).toBe('open'));
});

test('where Redis may not write, news travel all the same', async () => {
  await using server = await startRedis();
  const [one, two] = (await processesOn(server, 2)) as [Process, Process];
  const a = one.breaker();
  const b = two.breaker();
  await one.redis.ping();
  await one.redis.config('SET', 'maxmemory', '1');
  await expect(one.redis.set('any', 'x')).rejects.toThrow('OOM');
  await fail(a);
  await until(() => expect(b.state).toBe('open'));
  a.reset();
  await until(() => expect(b.state).toBe('closed'));
});

test('who was away when it closed learns so when it is back', async () => {
  const [one, two] = (await processes(2)) as [Process, Process];
  // By the system's clock: how long it was away is told by Redis' own.
  await using here = fleet(one.redis, { prefix: 'away' });
  await using there = fleet(two.redis, { prefix: 'away' });
  const options = { name: 'db', failureThreshold: 1, resetTimeout: 60_000 };
  const a = circuitBreaker({ ...options, fleet: here });
  const b = circuitBreaker({ ...options, fleet: there });
  await until(() => expect(here.isConnected && there.isConnected).toBe(true));
  await fail(a);
  await until(() => expect(b.state).toBe('open'));
  // Nobody listens at the moment at which it closes.
  await two.redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
  a.reset();
  await until(() => expect(b.state).toBe('closed'));
});

test('a namesake that joins later on the same fleet learns what is open', async () => {
  const [one] = (await processes(1)) as [Process];
  const a = one.breaker({ resetTimeout: 60_000 });
  await fail(a);
  await until(async () => expect(await one.redis.exists(`${one.prefix}:state:db`)).toBe(1));
  const late = one.breaker();
  await until(() => expect(late.state).toBe('open'));
  a.reset();
  expect(late.state).toBe('closed');
});

/** Redis' time, in milliseconds. */
async function msOf(redis: Redis): Promise<number> {
  const [seconds = 0, micros = 0] = await redis.time();
  return Number(seconds) * 1_000 + Number(micros) / 1_000;
}

test('a Redis that is always slower than the deadline is told in a few words, not for ever', async () => {
  const [one, two] = (await processes(2)) as [Process, Process];
  let asked = 0;
  const counted = new Proxy(one.redis, {
    get(redis, name) {
      if (name === 'eval') {
        return async (...args: Parameters<Redis['eval']>) => {
          asked += 1;
          const began = await msOf(redis);
          while ((await msOf(redis)) < began + 3);
          return redis.eval(...args);
        };
      }
      const member: unknown = Reflect.get(redis, name);
      return typeof member === 'function' ? (member.bind(redis) as unknown) : member;
    },
  });
  await using here = fleet(counted, { prefix: 'slow', deadline: 1 });
  await using there = fleet(two.redis, { prefix: 'slow' });
  const options = { name: 'db', failureThreshold: 1, resetTimeout: 60_000 };
  const a = circuitBreaker({ ...options, fleet: here });
  const b = circuitBreaker({ ...options, fleet: there });
  await until(() => expect(here.isConnected && there.isConnected).toBe(true));
  await fail(a);
  await until(() => expect(b.state).toBe('open'));
  a.reset();
  await until(() => expect(b.state).toBe('closed'));
  const before = asked;
  for (let i = 0; i < 50; i++) await one.redis.ping();
  expect(asked - before).toBeLessThanOrEqual(12);
});
