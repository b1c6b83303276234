import { manualClock } from '@fournines/core/testing';
import { beforeEach, describe, expect, test } from 'vitest';
import { type CircuitBreaker, type Fleet, type TripReport, circuitBreaker } from '../src/index.ts';

type Member = Parameters<Fleet['join']>[0];

let clock: ReturnType<typeof manualClock>;
let member: Member;
beforeEach(() => {
  clock = manualClock();
});

/** A fleet whose news a test makes up. */
const fleet: Fleet = {
  isConnected: true,
  close: () => Promise.resolve(),
  [Symbol.asyncDispose]: () => Promise.resolve(),
  join: (joining) => {
    member = joining;
    return {
      deadline: 100,
      isAlone: true,
      now: () => clock.now(),
      opened() {},
      closed() {},
      lease: () => Promise.resolve(0),
      prolong: () => Promise.resolve(true),
      giveBack: () => Promise.resolve(),
      leave() {},
    };
  },
};
const trip: TripReport = {
  rule: 'failure-threshold',
  inequality: 'theirs',
  window: {
    calls: 1,
    failures: 1,
    slow: 0,
    slowInFlight: 0,
    unanswered: 0,
    consecutiveFailures: 1,
  },
  failures: { unavailable: 1 },
};
const breaker = (): CircuitBreaker => circuitBreaker({ clock, fleet, failureThreshold: 1 });

describe('news of other processes', () => {
  test('open, prolong and close a circuit', () => {
    const policy = breaker();
    member.openedElsewhere({ breakMs: 500, openings: 1, trip });
    expect([policy.state, policy.retryAfterMs, policy.lastTrip?.rule]).toEqual([
      'open',
      500,
      'fleet',
    ]);
    member.openedElsewhere({ breakMs: 900, openings: 2, trip });
    expect(policy.retryAfterMs).toBe(900);
    member.closedElsewhere();
    expect(policy.state).toBe('closed');
  });

  test('never shorten a break', async () => {
    const policy = breaker();
    await policy
      .execute(() => Promise.reject(Object.assign(new Error('x'), { code: 'ECONNREFUSED' })))
      .catch(() => {});
    member.openedElsewhere({ breakMs: 500, openings: 1, trip });
    expect([policy.retryAfterMs, policy.snapshot().counts.trips]).toEqual([30_000, 1]);
  });

  test('move no isolated circuit, neither while it is nor after', () => {
    const closed = breaker();
    const held = closed.isolate();
    member.openedElsewhere({ breakMs: 500, openings: 1, trip });
    expect([closed.state, closed.lastTrip]).toEqual(['isolated', undefined]);
    held.dispose();
    expect(closed.state).toBe('closed');

    const open = breaker();
    member.openedElsewhere({ breakMs: 500, openings: 1, trip });
    const heldOpen = open.isolate();
    member.closedElsewhere();
    expect(open.state).toBe('isolated');
    heldOpen.dispose();
    expect(open.state).toBe('half-open');
  });
});
