import { type AnyPolicy, type Clock, type Timer, compose, definePolicy } from '@fournines/core';
import { seededRandom } from '@fournines/core/testing';
import { afterAll, expect } from 'vitest';

/** How many interleavings each test tries. */
export const INTERLEAVINGS = 40_000;
/** How many run at a time: their steps mix. */
const AT_A_TIME = 50;

const unhandled: unknown[] = [];
const onUnhandled = (error: unknown): void => void unhandled.push(error);
process.on('unhandledRejection', onUnhandled);
afterAll(() => {
  process.off('unhandledRejection', onUnhandled);
});

/** A clock whose timers fire when the scheduler picks them. */
class SteppedClock implements Clock {
  readonly waiting: { readonly at: number; readonly fn: () => void }[] = [];
  #now = 0;

  now(): number {
    return this.#now;
  }

  wall(): number {
    return this.#now;
  }

  setTimeout(fn: () => void, ms: number): Timer {
    const entry = { at: this.#now + ms, fn };
    this.waiting.push(entry);
    const cancel = (): void => {
      const index = this.waiting.indexOf(entry);
      if (index >= 0) this.waiting.splice(index, 1);
    };
    return { cancel, ref: () => {}, unref: () => {} };
  }

  /** Fires the timer that is due next. */
  step(): void {
    let next = this.waiting[0];
    for (const entry of this.waiting) if (next === undefined || entry.at < next.at) next = entry;
    if (next === undefined) return;
    this.waiting.splice(this.waiting.indexOf(next), 1);
    this.#now = Math.max(this.#now, next.at);
    next.fn();
  }
}

/** One call and what its function, its caller and its outcome are doing. */
class Call {
  readonly controller = new AbortController();
  readonly pending: PromiseWithResolvers<unknown>[] = [];
  runs = 0;
  runsAtEnd = -1;
  settlements = 0;
  wasAbortedBeforeLastRun = false;
  outcome: unknown;
  readonly #random: () => number;

  constructor(
    execute: (
      fn: (context: { signal: AbortSignal }) => unknown,
      signal: AbortSignal,
    ) => Promise<unknown>,
    random: () => number,
  ) {
    this.#random = random;
    const settled = (outcome: unknown): void => {
      this.settlements += 1;
      this.runsAtEnd = this.runs;
      this.outcome = outcome;
    };
    execute(this.#run, this.controller.signal).then(settled, settled);
  }

  readonly #run = ({ signal }: { signal: AbortSignal }): unknown => {
    this.runs += 1;
    if (this.controller.signal.aborted) this.wasAbortedBeforeLastRun = true;
    const chance = this.#random();
    if (chance < 0.1) throw this.#error();
    if (chance < 0.15) return this.#value();
    const attempt = Promise.withResolvers<unknown>();
    this.pending.push(attempt);
    if (chance < 0.6)
      signal.addEventListener('abort', () => attempt.reject(signal.reason), { once: true });
    return attempt.promise;
  };

  /** Settles one of the attempts that are under way. */
  settleOne(): void {
    const [attempt] = this.pending.splice(Math.floor(this.#random() * this.pending.length), 1);
    if (this.#random() < 0.3) attempt?.resolve(this.#value());
    else attempt?.reject(this.#error());
  }

  #value(): unknown {
    if (this.#random() < 0.8) return 'value';
    return { [Symbol.asyncDispose]: () => Promise.reject(new Error('disposal')) };
  }

  #error(): unknown {
    const chance = this.#random();
    if (chance < 0.1) return undefined;
    if (chance < 0.2) return new Error('no retry');
    if (chance < 0.3)
      return Object.assign(new Error('busy'), { status: 429, headers: { 'retry-after': '1' } });
    return Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
  }
}

/**
 * Runs calls of a policy whose steps mix by chance: what they call fails, answers or hangs, their
 * callers abort, timers fire. Expects each to settle once and to run nothing after that or after an
 * abort, and no rejection to be left unhandled. Returns how many calls it has seen through.
 */
export async function explore(
  seed: number,
  policyOn: (clock: Clock, random: () => number) => AnyPolicy,
  mostRuns: number,
): Promise<number> {
  const random = seededRandom(seed);
  const clock = new SteppedClock();
  let outcomes = 0;
  const observer = definePolicy({
    kind: 'observer',
    success: () => void (outcomes += 1),
    failure: () => void (outcomes += 1),
  });
  const policy = compose(observer, policyOn(clock, random));
  let finished = 0;
  while (finished < INTERLEAVINGS) {
    const calls = Array.from(
      { length: AT_A_TIME },
      () => new Call((fn, signal) => policy.execute(fn, signal), random),
    );
    for (
      let left = calls;
      left.length > 0;
      left = left.filter((call) => call.settlements === 0 || call.pending.length > 0)
    ) {
      for (const call of left) {
        const chance = random();
        if (chance < 0.08) call.controller.abort(new Error('abort'));
        else if (chance < 0.7 && call.pending.length > 0) call.settleOne();
        else if (chance < 0.9) clock.step();
      }
      if (random() < 0.7) await Promise.resolve();
    }
    for (let i = 0; i < 20; i++) await Promise.resolve();
    for (const call of calls) {
      expect(call.settlements).toBe(1);
      expect(call.runs).toBeGreaterThanOrEqual(1);
      expect(call.runs).toBeLessThanOrEqual(mostRuns);
      expect(call.wasAbortedBeforeLastRun).toBe(false);
      expect(call.runs).toBe(call.runsAtEnd);
    }
    finished += AT_A_TIME;
    expect(outcomes).toBe(finished);
  }
  while (clock.waiting.length > 0) clock.step();
  await new Promise((resolve) => setImmediate(resolve));
  expect(unhandled).toEqual([]);
  return finished;
}
