import type { Clock } from '@fournines/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rateLimit } from '../src/index.ts';

/** A token bucket in whole numbers: a token is `interval` units, `limit` units come in per millisecond. */
class ExactBucket {
  readonly #limit: bigint;
  readonly #interval: bigint;
  readonly #capacity: bigint;
  #units: bigint;
  #at = 0n;

  constructor(limit: number, interval: number, burst: number) {
    this.#limit = BigInt(limit);
    this.#interval = BigInt(interval);
    this.#capacity = BigInt(burst) * this.#interval;
    this.#units = this.#capacity;
  }

  take(now: number): { readonly admitted: boolean; readonly retryAfterMs: number } {
    const refilled = this.#units + (BigInt(now) - this.#at) * this.#limit;
    this.#units = refilled > this.#capacity ? this.#capacity : refilled;
    this.#at = BigInt(now);
    if (this.#units >= this.#interval) {
      this.#units -= this.#interval;
      return { admitted: true, retryAfterMs: 0 };
    }
    return {
      admitted: false,
      retryAfterMs: Number(this.#interval - this.#units) / Number(this.#limit),
    };
  }
}

function clockAt(start: number): Clock & { time: number } {
  return {
    time: start,
    now() {
      return this.time;
    },
    wall() {
      return this.time;
    },
    setTimeout: () => {
      throw new Error('a local rate limit starts no timer');
    },
  };
}

const rates = fc.record({
  limit: fc.integer({ min: 1, max: 1_000 }),
  interval: fc.integer({ min: 1, max: 60_000 }),
  burst: fc.integer({ min: 1, max: 50 }),
});

describe('rateLimit, against an exact token bucket', () => {
  it('admits and refuses the same calls, and says the same times', () => {
    fc.assert(
      fc.property(
        rates,
        fc.array(fc.oneof(fc.constant(0), fc.nat(20), fc.nat(5_000)), {
          maxLength: 200,
          size: 'max',
        }),
        ({ limit, interval, burst }, gaps) => {
          const clock = clockAt(0);
          const policy = rateLimit({ limit, interval, burst, clock });
          const model = new ExactBucket(limit, interval, burst);
          for (const gap of gaps) {
            clock.time += gap;
            const expected = model.take(clock.time);
            const answer = policy.tryAcquire();
            expect(answer.granted).toBe(expected.admitted);
            const retryAfterMs = answer.granted ? 0 : answer.retryAfterMs;
            expect(retryAfterMs).toBeCloseTo(expected.retryAfterMs, 4);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it('admits whoever waits as long as it is told, after weeks of uptime too', () => {
    fc.assert(
      fc.property(
        rates,
        fc.double({ min: 0, max: 4e9, noNaN: true }),
        ({ limit, interval, burst }, start) => {
          const clock = clockAt(start);
          const policy = rateLimit({ limit, interval, burst, clock });
          for (let i = 0; i < burst + 20; i++) {
            const answer = policy.tryAcquire();
            if (answer.granted) continue;
            clock.time += answer.retryAfterMs ?? 0;
            expect(policy.tryAcquire().granted).toBe(true);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
