import { circuitBreaker } from '@fournines/breaker';
import { compose } from '@fournines/core';
import { manualClock } from '@fournines/core/testing';
import { SupersededError, hedge } from '@fournines/retry';
import { expect, test } from 'vitest';

test('the loser of a hedge outside of a breaker says nothing, whatever it is rejected with', async () => {
  const clock = manualClock();
  const rejections = [(reason: unknown) => reason, () => new DOMException('x', 'AbortError')];
  for (const rejection of rejections) {
    const breaker = circuitBreaker({ failureThreshold: 1, clock });
    const chain = compose(hedge({ idempotent: true, delay: 10, clock }), breaker);
    let tries = 0;
    let reason: unknown;
    const call = chain.execute(({ signal }) => {
      tries += 1;
      if (tries === 2) return 'second';
      return new Promise<string>((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          reason = signal.reason;
          reject(rejection(reason));
        });
      });
    });
    await clock.advance(10);
    await expect(call).resolves.toBe('second');
    expect(reason).toBeInstanceOf(SupersededError);
    expect(breaker.snapshot()).toMatchObject({
      state: 'closed',
      counts: { ignored: 1, success: 1, failure: {} },
    });
  }
});

test('a SupersededError that comes out of a hedge further in is no failure', async () => {
  const breaker = circuitBreaker({ failureThreshold: 1 });
  await breaker.execute(() => Promise.reject(new SupersededError('hedge'))).catch(() => {});
  expect(breaker.snapshot()).toMatchObject({ state: 'closed', counts: { ignored: 1 } });
});
