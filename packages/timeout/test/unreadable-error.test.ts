import { manualClock } from '@fournines/core/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { TimeoutError, timeout } from '@fournines/timeout';

const unhandled: unknown[] = [];
const listen = (error: unknown): void => void unhandled.push(error);

beforeEach(() => {
  unhandled.length = 0;
  process.on('unhandledRejection', listen);
});

afterEach(() => {
  process.off('unhandledRejection', listen);
});

function unnamed(): Error {
  return Object.defineProperty(new Error('unreadable'), 'name', {
    get: () => {
      throw new Error('getter');
    },
  });
}

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable(new Error('gone'), {});
  revoke();
  return proxy;
}

/** How a promise ended, without looking at what it failed with. */
function endOf(promise: Promise<unknown>): { isSettled: boolean; error: unknown } {
  const end: { isSettled: boolean; error: unknown } = { isSettled: false, error: undefined };
  promise.then(
    () => (end.isSettled = true),
    (error: unknown) => Object.assign(end, { isSettled: true, error }),
  );
  return end;
}

describe.each([
  ['a throwing getter', unnamed],
  ['a revoked proxy', revoked],
])('an error that cannot be read: %s', (_what, make) => {
  test.each([{ grace: 50 }, { mode: 'cooperative' as const }])(
    'reaches a caller who waits for more after the abort, %o',
    async (options) => {
      const clock = manualClock();
      const own = make();
      const policy = timeout({ duration: 10, clock, ...options });
      const end = endOf(
        policy.execute(
          () => new Promise((_resolve, reject) => clock.setTimeout(() => reject(own), 20)),
        ),
      );
      await clock.advance(20);
      expect(end.isSettled && end.error === own).toBe(true);
      expect(policy.snapshot().gauges.inFlight).toBe(0);
      expect(unhandled).toHaveLength(0);
    },
  );

  test('is late when it comes after the answer, and reaches nobody', async () => {
    const clock = manualClock();
    const policy = timeout({ duration: 10, clock });
    const end = endOf(
      policy.execute(
        ({ signal }) =>
          new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(make()))),
      ),
    );
    await clock.advance(10);
    expect(end.error).toBeInstanceOf(TimeoutError);
    expect(policy.snapshot().counts.late).toBe(1);
    expect(unhandled).toHaveLength(0);
  });

  test('thrown by a duration function, leaves 30 000 ms', async () => {
    const clock = manualClock();
    const policy = timeout({
      clock,
      duration: () => {
        throw make();
      },
    });
    await policy.execute(({ deadline }) => expect(deadline.remainingMs).toBe(30_000));
    await clock.advance(0);
    expect(unhandled).toHaveLength(0);
  });
});
