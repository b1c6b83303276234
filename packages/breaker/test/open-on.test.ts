import { type ManualClock, manualClock } from '@fournines/core/testing';
import { beforeEach, describe, expect, test } from 'vitest';
import {
  type CircuitBreaker,
  type CircuitBreakerOptions,
  type StateChangeEvent,
  circuitBreaker,
} from '../src/index.ts';

let clock: ManualClock;
beforeEach(() => {
  clock = manualClock();
});

const busy = (retryAfter: number): Error =>
  Object.assign(new Error('come back later'), { code: 'ECONNREFUSED', retryAfter });
const breaker = (options: CircuitBreakerOptions = {}): CircuitBreaker =>
  circuitBreaker({
    clock,
    failureThreshold: 1,
    resetTimeout: 30_000,
    halfOpen: { permittedCalls: 1 },
    openOn: (outcome) =>
      ((outcome.ok ? outcome.value : outcome.error) as { retryAfter?: number } | undefined)
        ?.retryAfter,
    ...options,
  });
const fail = (policy: CircuitBreaker, error: unknown): Promise<unknown> =>
  policy.execute(() => Promise.reject(error)).catch((thrown: unknown) => thrown);

describe('openOn, the server says when to come back', () => {
  test('holds for the failure that trips the circuit, longer or shorter than resetTimeout (R4 5, failsafe 40)', async () => {
    for (const ms of [120_000, 50]) {
      const policy = breaker();
      const changes: StateChangeEvent[] = [];
      policy.onStateChange((event) => changes.push(event));
      await fail(policy, busy(ms));
      expect(policy.retryAfterMs).toBe(ms);
      expect(changes).toMatchObject([
        { to: 'open', breakDurationMs: ms, trip: { rule: 'failure-threshold' } },
      ]);
    }
  });

  test('holds for the probe that opens the circuit again', async () => {
    const policy = breaker();
    await fail(policy, busy(1_000));
    await clock.advance(1_000);
    await fail(policy, busy(120_000));
    expect([policy.state, policy.retryAfterMs]).toEqual(['open', 120_000]);
    expect(policy.history.at(-1)?.reason).toBe('reopened');
  });

  test('holds for a probe whose answer went well otherwise: it does not close the circuit', async () => {
    const policy = breaker();
    await fail(policy, busy(1_000));
    await clock.advance(1_000);
    await policy.execute(() => ({ retryAfter: 700 }));
    expect([policy.state, policy.retryAfterMs, policy.lastTrip?.rule]).toEqual([
      'open',
      700,
      'open-on',
    ]);
  });

  test('a late answer prolongs the break that is under way, never shortens it', async () => {
    const policy = breaker();
    const gates = Array.from({ length: 2 }, () => Promise.withResolvers());
    const late = gates.map((gate) => policy.execute(() => gate.promise).catch(() => {}));
    await fail(policy, busy(10_000));
    gates[0]?.reject(busy(60_000));
    await late[0];
    expect(policy.retryAfterMs).toBe(60_000);
    gates[1]?.reject(busy(5));
    await late[1];
    expect(policy.retryAfterMs).toBe(60_000);
    expect(policy.snapshot().counts).toMatchObject({ trips: 1, late: 2 });
  });

  test('a late answer moves neither a half-open nor a closed nor an isolated circuit', async () => {
    const policy = breaker({ halfOpen: { permittedCalls: 2 } });
    const gates = Array.from({ length: 3 }, () => Promise.withResolvers());
    const late = gates.map((gate) => policy.execute(() => gate.promise).catch(() => {}));
    const states: string[] = [];
    const answer = async (index: number): Promise<void> => {
      gates[index]?.reject(busy(60_000));
      await late[index];
      states.push(policy.state);
    };
    {
      using _held = policy.isolate();
      await answer(0);
    }
    await fail(policy, busy(1_000));
    await clock.advance(1_000);
    await policy.execute(() => 'ok');
    await answer(1);
    await policy.execute(() => 'ok');
    await policy.execute(() => 'ok');
    await answer(2);
    expect(states).toEqual(['isolated', 'half-open', 'closed']);
  });
});
