import { DeadlineExceededError, TimeoutError, compose } from '@fournines/core';
import { manualClock } from '@fournines/core/testing';
import { bulkhead } from '@fournines/limiter';
import { exponential, retry } from '@fournines/retry';
import { timeout } from '@fournines/timeout';
import { expect, test } from 'vitest';

const lost = Object.assign(new Error('lost'), { code: 'ECONNREFUSED' });

/** A call whose time runs out while its second attempt, or its first, waits for a busy bulkhead. */
async function timeOutInQueue(attemptsBefore: 0 | 1): Promise<unknown> {
  const clock = manualClock();
  const slots = bulkhead({ maxConcurrent: 1, maxQueue: 10, clock });
  const gate = Promise.withResolvers<void>();
  const occupy = (): void => void slots.execute(() => gate.promise);
  const policy = compose(
    timeout({ duration: 80, clock }),
    retry({ clock, backoff: exponential({ initial: 10, jitter: 'none' }) }),
    slots,
  );
  if (attemptsBefore === 0) occupy();
  const call = policy
    .execute(() => {
      occupy();
      throw lost;
    })
    .catch((error: unknown) => error);
  await clock.advance(10);
  await clock.advance(70);
  gate.resolve();
  return call;
}

test('a call that was never started says so', async () => {
  expect(await timeOutInQueue(0)).toBeInstanceOf(DeadlineExceededError);
});

test('one of which an attempt has run does not, though the next one waits: it may have taken effect', async () => {
  expect(await timeOutInQueue(1)).toBeInstanceOf(TimeoutError);
});
