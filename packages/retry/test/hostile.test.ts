import { type Snapshot, compose } from '@fournines/core';
import { StagedPolicy } from '@fournines/core/authoring';
import { manualClock } from '@fournines/core/testing';
import { handleAll } from 'cockatiel';
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  type GiveUpReason,
  type HedgeOptions,
  type RetryOptions,
  exponential,
  hedge,
  retry,
} from '../src/index.ts';

const AT_ONCE = exponential({ initial: 0 });
const refused = (): Error => Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
/** A 429 that asks for 20 ms. */
const limited = (): Error =>
  Object.assign(new Error('limited'), { status: 429, headers: { 'retry-after-ms': '20' } });

const unhandled: unknown[] = [];
const onUnhandled = (error: unknown): void => void unhandled.push(error);
process.on('unhandledRejection', onUnhandled);
afterAll(() => {
  process.off('unhandledRejection', onUnhandled);
});

const warn = vi.spyOn(process, 'emitWarning');
beforeEach(() => void warn.mockImplementation(() => {}));
afterEach(async () => {
  warn.mockReset();
  // Node speaks of unhandled rejections when the microtasks are done.
  await new Promise((resolve) => setImmediate(resolve));
  const [cause] = unhandled.splice(0);
  if (cause !== undefined) throw new Error('a rejection was left unhandled', { cause });
});
const warnings = (): string[] => warn.mock.calls.map(([warning]) => String(warning));

/** A policy further out that may answer early, as a timeout does: calls then run on a promise of their own. */
class Early extends StagedPolicy {
  readonly answersEarly = true;

  snapshot(): Snapshot {
    return { status: 'up', counts: {} };
  }
}
const early = new Early('early', {});

/** An error with a field that throws when it is read. */
function trap(field: string): Error {
  return Object.defineProperty(new Error('its own'), field, {
    get: () => {
      throw new Error(`read ${field}`);
    },
  });
}

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

const FIELDS = [
  'isBrokenCircuitError',
  'isBulkheadRejectedError',
  'code',
  'message',
  'name',
  'cause',
];
const UNREADABLE: [string, () => unknown][] = [
  ...FIELDS.map((field): [string, () => unknown] => [`its ${field}`, () => trap(field)]),
  ['any of it (a revoked proxy)', revoked],
];

function thenableThatThrows(): object {
  return {
    retryable: 'yes',
    // oxlint-disable-next-line unicorn/no-thenable -- a thenable is what the test is about
    then: () => {
      throw new Error('bug');
    },
  };
}

/** Whether a call rejected with exactly this: a proxy that cannot be read breaks `rejects.toBe`. */
async function rejectsWith(call: Promise<unknown>, error: unknown): Promise<boolean> {
  return call.then(
    () => false,
    (thrown: unknown) => thrown === error,
  );
}

function watched(options: RetryOptions = {}) {
  const clock = manualClock();
  const policy = retry({ clock, backoff: AT_ONCE, ...options });
  const reasons: GiveUpReason[] = [];
  policy.onGiveUp(({ reason }) => reasons.push(reason));
  return { clock, policy, reasons };
}

const hedged = (options: Partial<HedgeOptions> = {}) => {
  const clock = manualClock();
  return { clock, policy: hedge({ idempotent: true, delay: 100, clock, ...options }) };
};

describe('an error that does not let itself be read', () => {
  test.each(UNREADABLE)('reaches the caller of a retry itself: %s', async (_what, make) => {
    const options: RetryOptions[] = [
      { idempotent: true },
      { handle: handleAll },
      { shouldRetry: () => true },
      { shouldRetry: async () => true },
    ];
    for (const option of options) {
      const { clock, policy } = watched({ ...option, maxAttempts: 2 });
      const error = make();
      const fns = [
        () => Promise.reject(error),
        () => {
          throw error;
        },
      ];
      for (const fn of fns) {
        // It must not throw synchronously either.
        expect(await rejectsWith(policy.execute(fn), error)).toBe(true);
        const inTime = compose(early, policy);
        expect(await rejectsWith(inTime.execute(fn), error)).toBe(true);
        expect(clock.timers).toBe(0);
      }
    }
  });

  test('is not retried, and reported once per policy', async () => {
    const { policy, reasons } = watched({ shouldRetry: () => true });
    let calls = 0;
    for (let i = 0; i < 2; i++) {
      const error = trap('isBrokenCircuitError');
      const call = policy.execute(async () => {
        calls += 1;
        throw error;
      });
      expect(await rejectsWith(call, error)).toBe(true);
    }
    expect(calls).toBe(2);
    expect(reasons).toEqual(['not-retryable', 'not-retryable']);
    expect(warnings()).toEqual([expect.stringContaining('retry: an error')]);
  });

  test.each(UNREADABLE)('ends a hedged call: %s', async (_what, make) => {
    const { clock, policy } = hedged();
    const error = make();
    expect(
      await rejectsWith(
        policy.execute(() => Promise.reject(error)),
        error,
      ),
    ).toBe(true);
    const sync = policy.execute(() => {
      throw error;
    });
    expect(await rejectsWith(sync, error)).toBe(true);
    expect(clock.timers).toBeLessThanOrEqual(1);
  });

  test('ends a hedged call whose other attempt still runs, and aborts that', async () => {
    const { clock, policy } = hedged();
    const signals: AbortSignal[] = [];
    const error = trap('isBulkheadRejectedError');
    const call = policy.execute(({ signal, attempt }) => {
      signals.push(signal);
      return attempt === 0 ? new Promise(() => {}) : Promise.reject(error);
    });
    const rejected = rejectsWith(call, error);
    await clock.advance(100);
    expect(await rejected).toBe(true);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false]);
    expect(warnings()).toEqual([expect.stringContaining('hedge: an error')]);
  });
});

describe('a classification that does not let itself be read', () => {
  const throwing = (field: string): object =>
    Object.defineProperty({ retryable: 'yes', error: undefined }, field, {
      get: () => {
        throw new Error(`read ${field}`);
      },
    });

  test.each(['retryable', 'error', 'retryAfterMs'])(
    'is no reason to retry: its %s',
    async (field) => {
      const { policy, reasons } = watched({
        classify: () => throwing(field) as never,
        idempotent: true,
      });
      const error = refused();
      await expect(policy.execute(() => Promise.reject(error))).rejects.toBe(error);
      const inTime = compose(early, policy);
      await expect(inTime.execute(() => Promise.reject(error))).rejects.toBe(error);
      expect(reasons).toEqual(['not-retryable', 'not-retryable']);
      expect(warnings()).toHaveLength(1);
    },
  );

  test.each(['retryable', 'retryAfterMs'])('ends a hedged call: its %s', async (field) => {
    const { policy } = hedged({ classify: () => throwing(field) as never });
    const error = refused();
    await expect(policy.execute(() => Promise.reject(error))).rejects.toBe(error);
    expect(warnings()).toHaveLength(1);
  });
});

describe('chance', () => {
  test.each([
    [
      'throws',
      () => {
        throw new Error('bug');
      },
    ],
    ['is NaN', () => NaN],
    ['is negative', () => -1],
  ])("that %s leaves a server's delay as it is", async (_how, random) => {
    const { clock, policy } = watched({ random });
    let calls = 0;
    const at: number[] = [];
    const call = policy.execute(async () => {
      at.push(clock.now());
      if (calls++ < 2) throw limited();
      return 'ok';
    });
    await clock.advance(40);
    await expect(call).resolves.toBe('ok');
    expect(at).toEqual([0, 20, 40]);
  });

  test('that throws is reported once', async () => {
    const { clock, policy } = watched({
      random: () => {
        throw new Error('bug');
      },
    });
    let calls = 0;
    const call = policy.execute(async () => {
      if (calls++ < 2) throw limited();
    });
    await clock.advance(40);
    await call;
    expect(warnings()).toEqual([expect.stringContaining('retry: random threw')]);
  });
});

describe('a classifier that does not answer with a classification', () => {
  test.each([
    ['an empty object', () => ({})],
    ['an array', () => []],
    ['another word', () => ({ retryable: 'maybe', error: refused() })],
    ['a boolean', () => ({ retryable: true })],
    ['a promise', async () => ({ retryable: 'yes' })],
    ['a promise that rejects', () => Promise.reject(new Error('bug'))],
    ['a thenable that throws', () => thenableThatThrows()],
    ['nothing', () => undefined],
  ])('is reported once, and nothing is repeated: %s', async (_what, answer) => {
    const classify = answer as never;
    let calls = 0;
    const fn = async (): Promise<never> => {
      calls += 1;
      throw refused();
    };
    const { policy, reasons } = watched({ idempotent: true, classify });
    await expect(policy.execute(fn)).rejects.toThrow('refused');
    await expect(policy.execute(fn)).rejects.toThrow('refused');
    await expect(hedged({ classify }).policy.execute(fn)).rejects.toThrow('refused');
    expect(calls).toBe(3);
    expect(reasons).toEqual(['not-retryable', 'not-retryable']);
    expect(warnings()).toEqual([expect.stringContaining('retry: classify')]);
  });
});

describe('a filter that answers with a promise', () => {
  test.each([
    ['that comes true', async () => true],
    ['that rejects', () => Promise.reject(new Error('bug'))],
  ])('is reported once, and nothing is repeated: one %s', async (_what, answer) => {
    const filter = answer as never;
    const options: RetryOptions[] = [
      { isFailure: filter, idempotent: true },
      { handle: { options: { errorFilter: filter, resultFilter: filter } } },
    ];
    for (const option of options) {
      const { policy, reasons } = watched(option);
      await expect(policy.execute(() => 1)).resolves.toBe(1);
      await expect(policy.execute(() => 2)).resolves.toBe(2);
      if (option.handle !== undefined) {
        await expect(policy.execute(() => Promise.reject(refused()))).rejects.toThrow('refused');
      }
      expect(new Set(reasons)).toEqual(new Set(['not-retryable']));
    }
    expect(warnings()).toEqual([expect.stringContaining('retry: isFailure')]);
  });
});

describe("a call's own idempotent", () => {
  test.each(['false', 'true', 0, 1, null])(
    'must be true or false: %j is refused',
    async (value) => {
      const fn = vi.fn<() => Promise<never>>(() => Promise.reject(refused()));
      const call = { idempotent: value as never };
      const message = 'idempotent must be true or false';
      const { policy } = watched();
      for (const one of [policy, hedged().policy, compose(early, policy)]) {
        const outcome = one.execute(fn, call);
        await expect(outcome).rejects.toThrow(TypeError);
        await expect(outcome).rejects.toThrow(message);
      }
      expect(fn).not.toHaveBeenCalled();
    },
  );

  test('that throws when it is read rejects the call with that, and leaves no timer', async () => {
    const fault = new Error('read');
    const call = {
      get idempotent(): boolean {
        throw fault;
      },
    };
    const { clock, policy } = watched();
    await expect(policy.execute(() => 1, call)).rejects.toBe(fault);
    await expect(compose(early, policy).execute(() => 1, call)).rejects.toBe(fault);
    const { clock: other, policy: hedging } = hedged();
    await expect(hedging.execute(() => 1, call)).rejects.toBe(fault);
    expect([clock.timers, other.timers, warnings()]).toEqual([0, 0, []]);
  });

  test('may be absent', async () => {
    await expect(
      watched().policy.execute(() => 1, { idempotent: undefined as never }),
    ).resolves.toBe(1);
  });
});
