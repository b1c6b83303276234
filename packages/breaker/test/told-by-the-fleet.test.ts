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
    member.openedElsewhere({ breakMs: 500, openings: 1, trip }, 0);
    expect([policy.state, policy.retryAfterMs, policy.lastTrip?.rule]).toEqual([
      'open',
      500,
      'fleet',
    ]);
    member.openedElsewhere({ breakMs: 900, openings: 2, trip }, 0);
    expect(policy.retryAfterMs).toBe(900);
    member.closedElsewhere(0);
    expect(policy.state).toBe('closed');
  });

  test('never shorten a break', async () => {
    const policy = breaker();
    await policy
      .execute(() => Promise.reject(Object.assign(new Error('x'), { code: 'ECONNREFUSED' })))
      .catch(() => {});
    member.openedElsewhere({ breakMs: 500, openings: 1, trip }, 0);
    expect([policy.retryAfterMs, policy.snapshot().counts.trips]).toEqual([30_000, 1]);
  });

  test('of a break that is hardly longer are of the same one', async () => {
    const policy = breaker();
    member.openedElsewhere({ breakMs: 30_000, openings: 1, trip }, 0);
    await clock.advance(60);
    member.openedElsewhere({ breakMs: 30_040, openings: 1, trip }, 0);
    expect([policy.retryAfterMs, policy.history.length]).toEqual([29_940, 1]);
    member.openedElsewhere({ breakMs: 30_041, openings: 1, trip }, 0);
    expect([policy.retryAfterMs, policy.history.length]).toEqual([30_041, 2]);
    await clock.advance(30_041);
    member.openedElsewhere({ breakMs: 50, openings: 2, trip }, 0);
    expect(policy.retryAfterMs).toBe(50);
  });

  test('that come late move nothing that has moved since', async () => {
    const policy = breaker();
    const fail = (): Promise<unknown> =>
      policy
        .execute(() => Promise.reject(Object.assign(new Error('x'), { code: 'ECONNREFUSED' })))
        .catch(() => {});
    const opening = { breakMs: 90_000, openings: 1, trip };
    // It has never moved: however long ago it was.
    member.openedElsewhere(opening, 10_000);
    expect([policy.state, policy.retryAfterMs]).toEqual(['open', 90_000]);
    // Later news of earlier than that, and of later.
    member.closedElsewhere(10_001);
    expect(policy.state).toBe('open');
    member.closedElsewhere(9_000);
    expect(policy.state).toBe('closed');
    member.openedElsewhere(opening, 9_001);
    expect(policy.state).toBe('closed');

    await fail();
    await clock.advance(500);
    member.closedElsewhere(501);
    expect(policy.state).toBe('open');
    member.closedElsewhere(500);
    expect(policy.state).toBe('closed');
    await clock.advance(500);
    policy.reset();
    member.openedElsewhere(opening, 1);
    expect(policy.state).toBe('closed');
    member.openedElsewhere(opening, 0);
    expect(policy.state).toBe('open');
  });

  test('that move nothing are remembered all the same, and what a listener does is', () => {
    const policy = breaker();
    const opening = { breakMs: 500, openings: 1, trip };
    member.closedElsewhere(100);
    member.openedElsewhere(opening, 101);
    expect(policy.state).toBe('closed');
    const listening = policy.onStateChange(({ to }) => {
      if (to === 'open') policy.reset();
    });
    member.openedElsewhere(opening, 90);
    listening.dispose();
    member.openedElsewhere(opening, 50);
    expect([policy.state, policy.history.length]).toEqual(['closed', 2]);
  });

  test('move no isolated circuit, neither while it is nor after', () => {
    const closed = breaker();
    const held = closed.isolate();
    member.openedElsewhere({ breakMs: 500, openings: 1, trip }, 0);
    expect([closed.state, closed.lastTrip]).toEqual(['isolated', undefined]);
    held.dispose();
    expect(closed.state).toBe('closed');

    const open = breaker();
    member.openedElsewhere({ breakMs: 500, openings: 1, trip }, 0);
    const heldOpen = open.isolate();
    member.closedElsewhere(0);
    expect(open.state).toBe('isolated');
    heldOpen.dispose();
    expect(open.state).toBe('half-open');
  });
});
