import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { compose } from '@fournines/core';
import { type ManualClock, manualClock } from '@fournines/core/testing';
import { bulkhead } from '@fournines/limiter';
import { beforeEach, expect, test } from 'vitest';
import {
  type CircuitBreakers,
  type CircuitBreakersOptions,
  breakerPresets,
  circuitBreakers,
} from '../src/index.ts';

let clock: ManualClock;
beforeEach(() => {
  clock = manualClock();
});

const sick = Object.assign(new Error('down'), { code: 'ECONNREFUSED' });
const group = (options: CircuitBreakersOptions = {}): CircuitBreakers =>
  circuitBreakers(() => ({ failureThreshold: 1, resetTimeout: 1_000 }), { clock, ...options });
const call = (policy: CircuitBreakers, key: string): Promise<unknown> =>
  policy.execute(() => 'ok', { key });
const trip = (policy: CircuitBreakers, key: string): Promise<unknown> =>
  policy.execute(() => Promise.reject(sick), { key }).catch(() => {});
const names = (policy: CircuitBreakers): string[] => policy.list().map(({ name }) => name);

test('each key has a circuit of its own', async () => {
  const policy = group();
  await trip(policy, 'a');
  await expect(call(policy, 'a')).rejects.toMatchObject({ code: 'ECIRCUITOPEN', policy: 'a' });
  await expect(call(policy, 'b')).resolves.toBe('ok');
  await expect(policy.execute(() => 'no key')).resolves.toBe('no key');
  expect(names(policy)).toEqual(['a', 'b', policy.name]);
});

test('works by key inside compose, and its two steps share the circuits', async () => {
  const policy = group();
  const chain = compose(policy);
  await chain.execute(() => Promise.reject(sick), { key: 'a' }).catch(() => {});
  expect(policy.tryAcquire({ key: 'a' }).granted).toBe(false);
  const permit = policy.tryAcquire({ key: 'b' });
  expect(permit.granted).toBe(true);
  if (permit.granted) permit.failure(sick);
  await expect(chain.execute(() => 1, { key: 'b' })).rejects.toMatchObject({ policy: 'b' });
});

test('as a registry: for makes, get only finds, a mistyped name makes nothing', () => {
  const registry = circuitBreakers((name) => {
    if (name !== 'database' && name !== 'redis')
      throw new RangeError(`no such dependency: ${name}`);
    return breakerPresets[name];
  });
  const database = registry.for('database');
  expect(registry.for('database')).toBe(database);
  expect(registry.get('database')).toBe(database);
  expect(registry.get('databse')).toBeUndefined();
  expect(() => registry.for('databse')).toThrow('no such dependency: databse');
  expect(registry.actions.reset({ name: 'databse' })).toEqual({ reset: [] });
  expect(registry.size).toBe(1);
});

test('resetAll and the reset action close what is open', async () => {
  const policy = group();
  await trip(policy, 'a');
  await trip(policy, 'b');
  expect(policy.actions.reset({ name: 'a' })).toEqual({ reset: ['a'] });
  expect(policy.list().map(({ state }) => state)).toEqual(['closed', 'open']);
  policy.resetAll();
  expect(policy.list().every(({ state }) => state === 'closed')).toBe(true);
});

test('drops the least recently used, never one that is open or busy', async () => {
  const policy = group({ maxKeys: 3 });
  await trip(policy, 'open');
  const gate = Promise.withResolvers();
  const busy = policy.execute(() => gate.promise, { key: 'busy' });
  await call(policy, 'x');
  for (let i = 0; i < 50; i++) await call(policy, `k${i}`);
  expect(names(policy)).toEqual(['open', 'busy', 'k49']);
  gate.resolve(1);
  await busy;
  await call(policy, 'next');
  await call(policy, 'next2');
  expect(names(policy)).toEqual(['open', 'next', 'next2']);
});

test('keeps what is used', async () => {
  const policy = group({ maxKeys: 2 });
  await call(policy, 'a');
  await call(policy, 'b');
  await call(policy, 'a');
  await call(policy, 'c');
  expect(names(policy)).toEqual(['a', 'c']);
});

test('for is use, and so is a call through the breaker that it gave', async () => {
  const registry = group({ maxKeys: 2 });
  registry.for('a');
  registry.for('b');
  registry.for('a');
  registry.for('c');
  expect(names(registry)).toEqual(['a', 'c']);
  const kept = registry.for('c');
  await clock.advance(20);
  await call(registry, 'a');
  await clock.advance(20);
  await kept.execute(() => 'ok');
  registry.for('d');
  expect(names(registry)).toEqual(['c', 'd']);
  expect(registry.for('c')).toBe(kept);
});

test('a breaker that is called all the time by its holder is never dropped as idle', async () => {
  const registry = circuitBreakers(() => ({ failureThreshold: 3 }), { clock, idleTtl: 60_000 });
  const kept = registry.for('db');
  for (let i = 0; i < 100; i++) {
    await kept.execute(() => 'ok');
    await clock.advance(1_000);
  }
  const permit = kept.tryAcquire();
  if (permit.granted) permit.failure(sick);
  registry.for('redis');
  expect(registry.get('db')).toBe(kept);
  expect(kept.toJSON().consecutiveFailures).toBe(1);
});

test('a breaker that recovered a moment ago is not dropped as idle, however old its last quiet call', async () => {
  const registry = circuitBreakers(
    () => ({ failureThreshold: 1, resetTimeout: 90_000, halfOpen: { permittedCalls: 1 } }),
    { clock, idleTtl: 60_000 },
  );
  await trip(registry, 'a');
  await clock.advance(90_000);
  await registry.get('a')?.execute(() => 'probe');
  await call(registry, 'b');
  expect(names(registry)).toEqual(['a', 'b']);
});

test('a dropped breaker stays the one of its key while somebody holds it, and comes back when it is used', async () => {
  const registry = group({ maxKeys: 1 });
  const held = registry.for('a');
  await call(registry, 'b');
  expect(names(registry)).toEqual(['b']);
  expect(registry.get('a')).toBe(held);
  expect(registry.size).toBe(1);
  await held.execute(() => Promise.reject(sick)).catch(() => {});
  expect(names(registry)).toEqual(['a']);
  await expect(call(registry, 'a')).rejects.toMatchObject({ code: 'ECIRCUITOPEN' });

  held.reset();
  await call(registry, 'b');
  expect(registry.for('a')).toBe(held);
  await call(registry, 'b');
  const isolation = held.isolate();
  expect(names(registry)).toEqual(['a']);
  isolation.dispose();
});

test('a breaker that nobody holds is forgotten when it is dropped', async () => {
  const made: string[] = [];
  const policy = circuitBreakers(
    (key) => {
      made.push(key);
      return { failureThreshold: 2 };
    },
    { clock, maxKeys: 1 },
  );
  await trip(policy, 'a');
  await call(policy, 'b');
  await call(policy, 'a');
  expect(made).toEqual(['a', 'b', 'a']);
});

test('a key that is no string rejects the call, and tryAcquire refuses without throwing', async () => {
  const policy = group();
  const outer = compose(bulkhead({ maxConcurrent: 1 }), policy);
  for (let i = 0; i < 3; i++) {
    const promise = outer.execute(() => 'ok', { key: 5 as never });
    await expect(promise).rejects.toThrow('circuitBreakers: key must be a string, got number');
  }
  await expect(policy.execute(() => 'ok', { key: {} as never })).rejects.toThrow(TypeError);
  using refusal = policy.tryAcquire({ key: 5 as never });
  expect(refusal).toMatchObject({ granted: false, retryAfterMs: undefined });
  expect(refusal.granted ? undefined : refusal.error).toBeInstanceOf(TypeError);
  expect(() => policy.for(5 as never)).toThrow('circuitBreakers: key must be a string, got number');
  expect(policy.size).toBe(0);
  await expect(outer.execute(() => 'ok', { key: 'a' })).resolves.toBe('ok');
});

test('grows past maxKeys when nothing can go, and says so once', async () => {
  const warnings: string[] = [];
  const listen = (warning: Error): void => void warnings.push(warning.message);
  process.on('warning', listen);
  const policy = group({ maxKeys: 2 });
  for (const key of ['a', 'b', 'c', 'd']) await trip(policy, key);
  await new Promise(setImmediate);
  process.off('warning', listen);
  expect(policy.size).toBe(4);
  expect(warnings.filter((message) => message.includes('maxKeys 2'))).toHaveLength(1);
});

test('drops what was idle for long when a new key comes', async () => {
  const policy = group({ idleTtl: 1_000 });
  await call(policy, 'a');
  await trip(policy, 'open');
  await clock.advance(1_000);
  await call(policy, 'b');
  expect(names(policy)).toEqual(['open', 'b']);
});

test('maxOpenRatio: no more than that share opens, one in any case', async () => {
  const policy = group({ maxOpenRatio: 0.5 });
  for (const key of ['a', 'b', 'c', 'd']) await call(policy, key);
  for (const key of ['a', 'b', 'c', 'd']) await trip(policy, key);
  expect(policy.list().map(({ state }) => state)).toEqual(['open', 'open', 'closed', 'closed']);
  policy.get('a')?.reset();
  await trip(policy, 'd');
  expect(policy.get('d')?.state).toBe('open');
  const single = group({ maxOpenRatio: 0.1 });
  await trip(single, 'only');
  expect(single.get('only')?.state).toBe('open');
});

test('a trip that maxOpenRatio does not allow is counted and told, once for as long as the rule holds', async () => {
  const policy = group({ maxOpenRatio: 0.5 });
  const a = policy.for('a');
  const b = policy.for('b');
  policy.for('c');
  const told: string[] = [];
  const seen = (): void => void told.push('on the channel');
  subscribe('fournines:circuit-breaker:trip-withheld', seen);
  b.onTripWithheld(({ trip }) => told.push(`${trip.inequality}, ${String(trip.error)}`));
  const withheld = (): number => b.snapshot().counts.withheld;
  await trip(policy, 'a');
  for (let i = 0; i < 3; i++) await trip(policy, 'b');
  expect([b.state, withheld(), b.snapshot().counts.trips]).toEqual(['closed', 1, 0]);
  expect(told).toEqual([
    '1 failures in a row >= failureThreshold 1, Error: down',
    'on the channel',
  ]);

  await call(policy, 'b');
  await trip(policy, 'b');
  expect(withheld()).toBe(2);
  b.reset();
  await trip(policy, 'b');
  expect(withheld()).toBe(3);
  a.reset();
  await trip(policy, 'b');
  expect([b.state, withheld(), b.snapshot().counts.trips]).toEqual(['open', 3, 1]);
  unsubscribe('fournines:circuit-breaker:trip-withheld', seen);
});

test('a breaker whose traffic is still coming back is not dropped', async () => {
  const options = { failureThreshold: 1, resetTimeout: 100, ramp: 60_000 };
  const policy = circuitBreakers(() => ({ ...options, clock, halfOpen: { permittedCalls: 1 } }), {
    clock,
    maxKeys: 1,
  });
  await trip(policy, 'a');
  await clock.advance(100);
  await call(policy, 'a');
  expect(policy.get('a')?.state).toBe('closed');
  await call(policy, 'b');
  expect(policy.list().map(({ name }) => name)).toContain('a');
});

test('a trip that is asked for by openOn, and not allowed, is told once too', async () => {
  const policy = circuitBreakers(() => ({ failureThreshold: 100, openOn: () => 5_000 }), {
    clock,
    maxOpenRatio: 0.5,
  });
  policy.for('a');
  policy.for('b');
  await trip(policy, 'a');
  for (let i = 0; i < 5; i++) await trip(policy, 'b');
  expect(policy.for('b').snapshot().counts.withheld).toBe(1);
});

test('a function that throws, or gives nonsense, leaves the key with default options', async () => {
  const policy = circuitBreakers(() => ({ failureThreshold: -1 }), { clock });
  await expect(policy.execute(() => 'ok', { key: 'a' })).resolves.toBe('ok');
  expect(() => policy.for('b')).toThrow(RangeError);
});

test('is up while all are, down when all are, else degraded; its parts are the breakers', async () => {
  const policy = group();
  expect(policy.snapshot()).toEqual({ status: 'up', counts: {} });
  await call(policy, 'a');
  await trip(policy, 'b');
  expect(policy.snapshot().status).toBe('degraded');
  await trip(policy, 'a');
  expect(policy.snapshot().status).toBe('down');
  expect([...policy.parts()].map(({ kind }) => kind)).toEqual([
    'circuit-breaker',
    'circuit-breaker',
  ]);
});
