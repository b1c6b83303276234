import { afterAll, beforeAll, expect, test } from 'vitest';
import type { CircuitBreaker } from '../src/index.ts';
import { type Process, call, fail, processes, startFleets, until } from './fleet-process.ts';

let end: () => Promise<void>;
beforeAll(async () => {
  end = await startFleets();
});
afterAll(() => end());

/** Asks for the lease, with a call that is refused, until it is there. */
async function asks(one: Process, breaker: CircuitBreaker): Promise<void> {
  expect(await call(breaker)).toBe('ECIRCUITOPEN');
  await until(async () => expect(await one.holder()).not.toBeNull());
  await one.redis.ping();
}

/** Two processes whose breakers are open, and whose time to probe has come. */
async function pair() {
  const [one, two] = (await processes(2)) as [Process, Process];
  const a = one.breaker();
  const b = two.breaker();
  await fail(a);
  await until(() => expect(b.state).toBe('open'));
  await one.clock.advance(1_000);
  await two.clock.advance(1_000);
  return { one, two, a, b };
}

test('the lease is given back when the probes have decided, whatever they decided', async () => {
  const { one, a } = await pair();
  await asks(one, a);
  await fail(a);
  expect(a.state).toBe('open');
  expect(await one.holder()).toBeNull();
  await one.clock.advance(1_000);
  await asks(one, a);
  expect(await call(a)).toBe('ok');
  expect(a.state).toBe('closed');
  expect(await one.holder()).toBeNull();
});

test('a lease that no call comes to use is short; one that a probe uses lasts as long as the probe may', async () => {
  const { one, a } = await pair();
  await asks(one, a);
  expect(await one.leaseMs()).toBeLessThanOrEqual(1_000);
  const probe = Promise.withResolvers<string>();
  const probing = a.execute(() => probe.promise);
  expect(a.state).toBe('half-open');
  expect(await one.leaseMs()).toBeGreaterThan(9_000);
  probe.resolve('ok');
  await probing;
});

test('a lease ends for its holder when it ends in Redis: it does not probe beside another one', async () => {
  const { one, two, a, b } = await pair();
  await asks(one, a);
  await one.clock.advance(1_000);
  await one.redis.del(`${one.prefix}:probe:db`);
  await asks(two, b);
  const probe = Promise.withResolvers<string>();
  const probing = b.execute(() => probe.promise);
  expect(b.state).toBe('half-open');
  await two.redis.ping();

  expect(await call(a)).toBe('ECIRCUITOPEN');
  await until(() => expect(a.retryAfterMs).toBeGreaterThan(5_000));
  expect(a.state).toBe('open');
  probe.resolve('ok');
  await probing;
  await until(() => expect([a.state, b.state]).toEqual(['closed', 'closed']));
});

test('probing goes on under the lease only while it is held', async () => {
  const [one, two] = (await processes(2)) as [Process, Process];
  const a = one.breaker({ halfOpen: { permittedCalls: 3, maxWait: 60_000 } });
  const b = two.breaker();
  await fail(a);
  await until(() => expect(b.state).toBe('open'));
  await one.clock.advance(1_000);
  await two.clock.advance(1_000);
  await asks(one, a);
  const hung = Promise.withResolvers<string>();
  const probing = a.execute(() => hung.promise);
  expect(await one.leaseMs()).toBeGreaterThan(29_000);
  await one.clock.advance(30_000);
  await one.redis.del(`${one.prefix}:probe:db`);
  await asks(two, b);

  expect(a.state).toBe('half-open');
  await expect(a.execute(() => 'a second probe')).rejects.toMatchObject({
    code: 'ECIRCUITOPEN',
    state: 'half-open',
    retryAfterMs: 250,
  });
  expect(await call(b)).toBe('ok');
  await until(() => expect(a.state).toBe('closed'));
  hung.resolve('late');
  await probing;
});

test('a probe may take as long as the break, however long it had to wait for others', async () => {
  const [one, two] = (await processes(2)) as [Process, Process];
  const options = { halfOpen: { permittedCalls: 1 }, resetTimeout: 5_000 };
  const a = one.breaker(options);
  const b = two.breaker(options);
  await fail(a);
  await until(() => expect(b.state).toBe('open'));
  await one.clock.advance(5_000);
  await two.clock.advance(5_000);
  await asks(one, a);
  expect(await call(b)).toBe('ECIRCUITOPEN');
  await until(() => expect(b.retryAfterMs).toBeGreaterThan(0));
  await two.clock.advance(b.retryAfterMs);
  await one.redis.del(`${one.prefix}:probe:db`);
  await asks(two, b);
  const probe = Promise.withResolvers<string>();
  const probing = b.execute(() => probe.promise);
  await two.clock.advance(4_000);
  expect(await call(b)).toBe('ECIRCUITOPEN');
  probe.resolve('ok');
  await probing;
  expect(b.state).toBe('closed');
});

test('a lease that came after the circuit had moved on is given back', async () => {
  const { one, a } = await pair();
  expect(await call(a)).toBe('ECIRCUITOPEN');
  a.reset();
  await one.redis.ping();
  await one.clock.advance(0);
  expect(await one.holder()).toBeNull();
  await fail(a);
  await one.clock.advance(1_000);
  await asks(one, a);
  expect(await call(a)).toBe('ok');
});

test('a process whose calls are rarer than any lease probes nevertheless', async () => {
  const { one, a } = await pair();
  for (let i = 0; i < 2; i++) {
    await asks(one, a);
    await one.clock.advance(60_000);
  }
  expect(await call(a)).toBe('ok');
  expect(a.state).toBe('closed');
});

test('a process that ends gives back what it had leased', async () => {
  const { one, two, a, b } = await pair();
  await asks(one, a);
  await one.fleet.close();
  expect(await two.holder()).toBeNull();
  await asks(two, b);
  expect(await call(b)).toBe('ok');
});
