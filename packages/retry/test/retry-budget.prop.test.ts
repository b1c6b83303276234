import type { Clock } from '@fournines/core';
import { manualClock } from '@fournines/core/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { retryBudget } from '../src/index.ts';

/** The rule said naively: a list of everything that happened, and a sum over what the window still holds. */
class NaiveBudget {
  readonly #events: { readonly at: number; readonly tokens: number }[] = [];
  readonly #deposit: number;
  readonly #withdrawal: number;
  readonly #reserve: number;
  readonly #ttl: number;

  constructor(ratio: number, minPerSecond: number, ttl: number) {
    this.#deposit = Math.round(1_000 * Math.max(ratio, ratio > 0 ? 1 : 0));
    this.#withdrawal = ratio === 0 || ratio > 1 ? 1_000 : Math.round(1_000 / ratio);
    this.#reserve = Math.floor((minPerSecond * ttl) / 1_000) * this.#withdrawal;
    this.#ttl = ttl;
  }

  #tokens(now: number): number {
    const bucketMs = this.#ttl / 10;
    const oldest = Math.floor(now / bucketMs) - 9;
    return this.#events
      .filter(({ at }) => Math.floor(at / bucketMs) >= oldest)
      .reduce((sum, { tokens }) => sum + tokens, this.#reserve);
  }

  balance(now: number): number {
    return Math.max(0, Math.floor(this.#tokens(now) / this.#withdrawal));
  }

  deposit(now: number): void {
    this.#events.push({ at: now, tokens: this.#deposit });
  }

  tryWithdraw(now: number): boolean {
    if (this.#tokens(now) < this.#withdrawal) return false;
    this.#events.push({ at: now, tokens: -this.#withdrawal });
    return true;
  }

  refund(now: number): void {
    this.#events.push({ at: now, tokens: this.#withdrawal });
  }
}

const step = fc.oneof(
  { weight: 4, arbitrary: fc.constant('deposit' as const) },
  { weight: 3, arbitrary: fc.constant('withdraw' as const) },
  { weight: 1, arbitrary: fc.constant('refund' as const) },
  { weight: 2, arbitrary: fc.integer({ min: 1, max: 3_000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 3_000, max: 100_000 }) },
);

test('the window agrees with a naive model at every step', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        ratio: fc.oneof(fc.constantFrom(0, 0.2, 1), fc.double({ min: 0.01, max: 20, noNaN: true })),
        minPerSecond: fc.integer({ min: 0, max: 5 }),
        ttl: fc.constantFrom(1_000, 1_500, 10_000, 60_000),
      }),
      fc.array(step, { maxLength: 80 }),
      async (options, steps) => {
        let now = 0;
        const standing = manualClock();
        const clock: Clock = {
          now: () => now,
          wall: () => now,
          setTimeout: (fn, ms) => standing.setTimeout(fn, ms),
        };
        const budget = retryBudget({ ...options, clock });
        const naive = new NaiveBudget(options.ratio, options.minPerSecond, options.ttl);
        let withdrawn = 0;
        let agreed = true;
        for (const action of steps) {
          if (typeof action === 'number') now += action;
          else if (action === 'deposit') {
            budget.deposit();
            naive.deposit(now);
          } else if (action === 'withdraw') {
            const granted = budget.tryWithdraw();
            agreed &&= granted === naive.tryWithdraw(now);
            if (granted) withdrawn += 1;
          } else if (withdrawn > 0) {
            withdrawn -= 1;
            budget.refund();
            naive.refund(now);
          }
          expect(agreed).toBe(true);
          expect(budget.balance).toBe(naive.balance(now));
          expect(Number.isSafeInteger(budget.balance)).toBe(true);
        }
      },
    ),
    { numRuns: 500 },
  );
});

test('the floor holds without any call, and comes back with time', async () => {
  const clock = manualClock();
  const budget = retryBudget({ ratio: 0, minPerSecond: 2, ttl: 2_000, clock });
  for (let i = 0; i < 4; i++) expect(budget.tryWithdraw()).toBe(true);
  expect(budget.tryWithdraw()).toBe(false);
  await clock.advance(2_000);
  expect(budget.balance).toBe(4);
});

test('a ratio of 0.2 grants one retry for five calls, and forgets both after ttl', async () => {
  const clock = manualClock();
  const budget = retryBudget({ ratio: 0.2, minPerSecond: 0, clock });
  for (let i = 0; i < 9; i++) budget.deposit();
  expect(budget.balance).toBe(1);
  budget.deposit();
  expect(budget.balance).toBe(2);
  await clock.advance(10_000);
  expect(budget.balance).toBe(0);
});

test('a ratio over 1 grants several retries for a call', () => {
  const budget = retryBudget({ ratio: 2.5, minPerSecond: 0, clock: manualClock() });
  budget.deposit();
  budget.deposit();
  expect(budget.balance).toBe(5);
});

test('ratio 0 without a floor is empty', () => {
  const budget = retryBudget({ ratio: 0, minPerSecond: 0, clock: manualClock() });
  for (let i = 0; i < 1_000; i++) budget.deposit();
  expect(budget.tryWithdraw()).toBe(false);
});

test.each([
  [{ ratio: -0.1 }, 'retryBudget: ratio must be >= 0 and <= 1000, got -0.1'],
  [{ minPerSecond: -1 }, 'retryBudget: minPerSecond must be >= 0 and <= 1000000, got -1'],
  [{ ttl: 999 }, 'retryBudget: ttl must be >= 1000 and <= 60000, got 999'],
  [{ ttl: 60_001 }, 'retryBudget: ttl must be >= 1000 and <= 60000, got 60001'],
])('%j is refused', (options, message) => {
  expect(() => retryBudget(options)).toThrow(message);
});
