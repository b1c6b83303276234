import { type AnyPolicy, type Clock, type Timer, compose } from '@fournines/core';
import { seededRandom } from '@fournines/core/testing';
import { afterAll, expect, test } from 'vitest';
import { TimeoutError, type TimeoutPolicy, timeout } from '@fournines/timeout';

/** How many calls each test sees through. */
const INTERLEAVINGS = 30_000;
/** How many run at a time: they share a policy, its timer, and a signal now and then. */
const AT_A_TIME = 60;
const GRACE = 7;
/** A queue that is woken later than 15 ms lets the event loop run first: the model has no part of that. */
const LATEST = 10;

const unhandled: unknown[] = [];
const onUnhandled = (error: unknown): void => void unhandled.push(error);
process.on('unhandledRejection', onUnhandled);
afterAll(() => {
  process.off('unhandledRejection', onUnhandled);
});

interface Waiting {
  readonly at: number;
  readonly fn: () => void;
  isReferenced: boolean;
}

/** A clock whose timers fire when the scheduler wants them to: in time, or a little late. */
class SteppedClock implements Clock {
  readonly waiting = new Set<Waiting>();
  #now = 0;

  now(): number {
    return this.#now;
  }

  wall(): number {
    return this.#now;
  }

  setTimeout(fn: () => void, ms: number): Timer {
    const entry = { at: this.#now + ms, fn, isReferenced: true };
    this.waiting.add(entry);
    return {
      cancel: () => void this.waiting.delete(entry),
      ref: () => void (entry.isReferenced = true),
      unref: () => void (entry.isReferenced = false),
    };
  }

  /** Fires everything that is due by the moment of the earliest timer. */
  step(): void {
    if (this.waiting.size === 0) return;
    this.#now = Math.max(this.#now, this.#earliest());
    for (const entry of this.waiting) {
      if (entry.at <= this.#now && this.waiting.delete(entry)) entry.fn();
    }
  }

  /** Time passes, and the event loop is too busy for timers. */
  drift(ms: number): void {
    if (this.#now + ms - this.#earliest() <= LATEST) this.#now += ms;
  }

  #earliest(): number {
    return Math.min(...[...this.waiting].map(({ at }) => at));
  }
}

/** What may decide how a call ends. */
type Cause =
  | { readonly by: 'callee' | 'throw' | 'abort'; readonly outcome: unknown }
  | { readonly by: 'timeout' };

/** What the policy is to do, by its documentation. */
interface Rules {
  readonly waitsForCallee: boolean;
  readonly grace: number;
}

/** One call: what it does, what happens to it, and what must come of that. */
class Call {
  readonly caller: AbortController;
  readonly dueAt: number;
  readonly #rules: Rules;
  readonly #random: () => number;
  readonly #callee = Promise.withResolvers<unknown>();
  isPending = false;
  timesOutAt: number;
  hasTimedOut = false;
  settlements: unknown[] = [];
  /** What has happened since the microtask queue was last drained, in order. */
  #causes: Cause[] = [];
  /** Whether promises had a chance to settle in between: any of the causes may have won. */
  #isMixed = false;
  isDecided = false;

  constructor(
    execute: (
      fn: (context: { signal: AbortSignal }) => unknown,
      call: AbortSignal,
    ) => Promise<unknown>,
    caller: AbortController,
    dueAt: number,
    rules: Rules,
    random: () => number,
  ) {
    this.caller = caller;
    this.dueAt = dueAt;
    this.timesOutAt = dueAt;
    this.#rules = rules;
    this.#random = random;
    const settle = (outcome: unknown): void => void this.settlements.push(outcome);
    execute(this.#run, caller.signal).then(settle, settle);
  }

  readonly #run = ({ signal }: { signal: AbortSignal }): unknown => {
    const chance = this.#random();
    if (chance < 0.05) {
      const error = new Error('thrown');
      this.#note({ by: 'throw', outcome: error });
      throw error;
    }
    if (chance < 0.1) {
      this.#note({ by: 'callee', outcome: undefined });
      return undefined;
    }
    this.isPending = true;
    if (chance < 0.5) {
      signal.addEventListener('abort', () => {
        if (this.isPending) this.#end(signal.reason, false);
      });
    }
    return this.#callee.promise;
  };

  /** The function comes to its end. */
  settle(): void {
    const isOk = this.#random() < 0.5;
    this.#end(isOk ? { value: true } : new Error('own'), isOk);
  }

  /** The caller gives up, perhaps for other calls too. */
  aborted(reason: unknown): void {
    if (!this.#rules.waitsForCallee) this.#note({ by: 'abort', outcome: reason });
  }

  /** The timers were seen to, at this moment. */
  timersFired(now: number): void {
    if (this.timesOutAt > now || this.isDecided) return;
    if (!this.hasTimedOut && (this.#rules.waitsForCallee || this.#rules.grace > 0)) {
      this.timesOutAt = this.#rules.waitsForCallee ? Infinity : now + this.#rules.grace;
      this.hasTimedOut = true;
      return;
    }
    this.timesOutAt = Infinity;
    this.hasTimedOut = true;
    this.#note({ by: 'timeout' });
  }

  /** Some promises, but perhaps not all, have settled. */
  mixed(): void {
    if (this.#causes.length > 0) this.#isMixed = true;
  }

  /** All promises have settled: checks that exactly what happened came of it. */
  check(): void {
    const expected = this.isDecided || this.#causes.length > 0 ? 1 : 0;
    // Asked millions of times: too often for `expect`.
    if (this.settlements.length !== expected) {
      throw new Error(`settled ${this.settlements.length} times instead of ${expected}`);
    }
    if (this.isDecided || expected === 0) return;
    const [outcome] = this.settlements;
    // A promise settles a moment later: what is synchronous is ahead of it.
    const first = this.#causes.find(({ by }) => by !== 'callee') ?? this.#causes[0];
    const possible = this.#isMixed ? this.#causes : this.#causes.filter((cause) => cause === first);
    const isRight = possible.some((cause) =>
      cause.by === 'timeout' ? outcome instanceof TimeoutError : outcome === cause.outcome,
    );
    if (!isRight)
      throw new Error('another outcome than any that is possible', {
        cause: { outcome, possible },
      });
    this.isDecided = true;
  }

  #note(cause: Cause): void {
    if (!this.isDecided) this.#causes.push(cause);
  }

  #end(outcome: unknown, isOk: boolean): void {
    this.isPending = false;
    this.#note({ by: 'callee', outcome });
    if (isOk) this.#callee.resolve(outcome);
    else this.#callee.reject(outcome);
  }
}

const drained = async (): Promise<void> => {
  for (let i = 0; i < 8; i += 1) await Promise.resolve();
};

interface Setup {
  readonly policy: AnyPolicy;
  /** Those that count. */
  readonly counting: readonly TimeoutPolicy[];
}

/** Returns what was counted. */
async function explore(
  seed: number,
  rules: Rules,
  setUp: (clock: Clock, duration: () => number) => Setup,
): Promise<{ readonly calls: number; readonly timeouts: number; readonly late: number }> {
  const random = seededRandom(seed);
  const clock = new SteppedClock();
  const upTo = (n: number): number => 1 + Math.floor(random() * n);
  let duration = 1;
  const { policy, counting } = setUp(clock, () => duration);
  for (let finished = 0; finished < INTERLEAVINGS; finished += AT_A_TIME) {
    const calls: Call[] = [];
    const shared = new AbortController();
    while (calls.length < AT_A_TIME || calls.some((call) => call.isPending || !call.isDecided)) {
      if (calls.length < AT_A_TIME) {
        duration = upTo(40);
        const caller = random() < 0.1 && !shared.signal.aborted ? shared : new AbortController();
        const execute = policy.execute.bind(policy) as never;
        calls.push(new Call(execute, caller, clock.now() + duration, rules, random));
      }
      const steps = upTo(6);
      for (let i = 0; i < steps; i += 1) {
        const call = calls[Math.floor(random() * calls.length)];
        const chance = random();
        if (call !== undefined && chance < 0.6) {
          if (call.isPending) call.settle();
        } else if (call !== undefined && chance < 0.66) {
          if (!call.caller.signal.aborted) {
            const reason = new Error('gave up');
            for (const other of calls) if (other.caller === call.caller) other.aborted(reason);
            call.caller.abort(reason);
          }
        } else if (chance < 0.75) {
          clock.drift(upTo(5));
        } else if (chance < 0.85) {
          clock.step();
          for (const each of calls) each.timersFired(clock.now());
        } else {
          for (const each of calls) each.mixed();
          await Promise.resolve();
        }
      }
      await drained();
      for (const call of calls) call.check();
    }
    for (const { isReferenced } of clock.waiting) expect(isReferenced).toBe(false);
    for (const each of counting) expect(each.snapshot().gauges.inFlight).toBe(0);
  }
  while (clock.waiting.size > 0) clock.step();
  await new Promise((resolve) => setImmediate(resolve));
  expect(unhandled).toEqual([]);
  const counts = counting.map((each) => each.snapshot().counts);
  return {
    calls: Math.max(...counts.map(({ calls }) => calls)),
    timeouts: counts.reduce((sum, { timeouts }) => sum + timeouts, 0),
    // Told by the innermost that has answered.
    late: counts.reduce((sum, { late }) => sum + late, 0),
  };
}

const alone =
  (options: { readonly mode?: 'race' | 'cooperative'; readonly grace?: number }) =>
  (clock: Clock, duration: () => number): Setup => {
    const policy = timeout({ ...options, clock, duration });
    return { policy, counting: [policy] };
  };

/** Every kind of end was met often enough to mean something. */
function judge(
  seen: { readonly calls: number; readonly timeouts: number; readonly late: number },
  { isAwaited = false } = {},
): void {
  expect(seen.calls).toBe(INTERLEAVINGS);
  expect(seen.timeouts).toBeGreaterThan(INTERLEAVINGS / 50);
  // Who waits for the callee gets what it says: nothing is late.
  if (isAwaited) expect(seen.late).toBe(0);
  else expect(seen.late).toBeGreaterThan(INTERLEAVINGS / 100);
}

test('whatever comes first decides, once, and nothing is left behind', async () => {
  judge(await explore(1, { waitsForCallee: false, grace: 0 }, alone({})));
}, 20_000);

test('with grace, the callee may still decide until that is over', async () => {
  judge(await explore(2, { waitsForCallee: false, grace: GRACE }, alone({ grace: GRACE })));
}, 20_000);

test('in cooperative mode the callee decides', async () => {
  judge(await explore(3, { waitsForCallee: true, grace: 0 }, alone({ mode: 'cooperative' })), {
    isAwaited: true,
  });
}, 20_000);

test('of two, one in the other, the earlier decides', async () => {
  const nested = (clock: Clock, duration: () => number): Setup => {
    let turn = 0;
    // By turns the outer and the inner one is the earlier.
    const outer = timeout({ clock, duration: () => (turn % 2 === 0 ? duration() : 500) });
    const inner = timeout({ clock, duration: () => (turn++ % 2 === 0 ? 500 : duration()) });
    return { policy: compose(outer, inner), counting: [outer, inner] };
  };
  judge(await explore(4, { waitsForCallee: false, grace: 0 }, nested));
}, 20_000);
