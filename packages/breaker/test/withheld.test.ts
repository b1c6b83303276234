import { manualClock } from '@fournines/core/testing';
import { expect, test } from 'vitest';
import { circuitBreakers } from '../src/index.ts';

const sick = (): Error => Object.assign(new Error('down'), { code: 'ECONNREFUSED' });

test('a trip that maxOpenRatio forbids is counted and told once, until its rule holds no more', async () => {
  const group = circuitBreakers(() => ({ failureThreshold: 2, resetTimeout: 1_000 }), {
    clock: manualClock(),
    maxOpenRatio: 0.5,
  });
  const fail = (key: string): Promise<unknown> =>
    group.execute(() => Promise.reject(sick()), { key }).catch(() => {});
  const told: string[] = [];
  group.for('b').onWithheld(({ type, trip, at }) => told.push(`${at} ${type} ${trip.inequality}`));
  for (let i = 0; i < 2; i++) await fail('a');
  for (let i = 0; i < 5; i++) await fail('b');
  const b = group.for('b');
  expect([group.for('a').state, b.state, b.lastTrip]).toEqual(['open', 'closed', undefined]);
  expect(b.snapshot().counts).toMatchObject({ withheld: 1, trips: 0 });
  await b.execute(() => 'ok');
  for (let i = 0; i < 3; i++) await fail('b');
  expect(b.snapshot().counts.withheld).toBe(2);
  const line = '0 withheld 2 failures in a row >= failureThreshold 2';
  expect(told).toEqual([line, line]);
  group.for('a').reset();
  await fail('b');
  expect([b.state, b.snapshot().counts.withheld]).toEqual(['open', 2]);
});
