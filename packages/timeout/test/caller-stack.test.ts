import { compose, deadline, fallback } from '@fournines/core';
import { manualClock } from '@fournines/core/testing';
import { describe, expect, test } from 'vitest';
import { DeadlineExceededError, timeout } from '@fournines/timeout';

const never = (): Promise<never> => new Promise(() => {});
const failureOf = (call: Promise<unknown>): Promise<Error> =>
  call.then(
    () => new Error('it went well'),
    (error: Error) => error,
  );

describe('the error’s stack', () => {
  test('points at the caller when asked', async () => {
    const clock = manualClock();
    const policy = timeout({ duration: 10, captureStack: true, clock });
    async function placeOrder(): Promise<unknown> {
      return policy.execute(never);
    }
    const call = failureOf(placeOrder());
    await clock.advance(10);
    expect((await call).stack).toContain('placeOrder');
  });

  test('points at the caller through a composition too', async () => {
    const clock = manualClock();
    const policy = compose(
      fallback(() => false, 0),
      timeout({ duration: 10, captureStack: true, clock }),
    );
    async function placeOrder(): Promise<unknown> {
      return policy.execute(never);
    }
    const call = failureOf(placeOrder());
    await clock.advance(10);
    const { stack } = await call;
    expect(stack).toContain('placeOrder');
    expect(stack).not.toContain('enter');
  });

  test('points at a caller’s method that is itself called execute', async () => {
    const clock = manualClock();
    const policy = timeout({ duration: 10, captureStack: true, clock });
    class Command {
      async execute(): Promise<unknown> {
        return policy.execute(never);
      }
    }
    const call = failureOf(new Command().execute());
    await clock.advance(10);
    expect((await call).stack).toContain('Command.execute');
  });

  test('points at the caller of what came too late', async () => {
    const clock = manualClock();
    using outer = deadline(30, undefined, { clock });
    const policy = timeout({ duration: 10, captureStack: true, clock });
    async function placeOrder(): Promise<unknown> {
      return policy.execute(never, { signal: new AbortController().signal, ...late });
    }
    const late = { deadline: outer.deadline };
    await clock.advance(30);
    const error = await failureOf(placeOrder());
    expect(error).toBeInstanceOf(DeadlineExceededError);
    expect(error.stack).toContain('placeOrder');
  });
});
