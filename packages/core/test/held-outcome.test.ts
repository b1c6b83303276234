import { expect, test } from 'vitest';
import { type Attempt, HELD, StagedPolicy } from '../src/authoring.ts';
import { type Snapshot, compose } from '../src/index.ts';

class Observer extends StagedPolicy {
  readonly seen: string[] = [];

  constructor() {
    super('observer', {});
  }

  snapshot(): Snapshot {
    return { status: 'up', counts: {} };
  }

  failure(): void {
    this.seen.push('failure');
  }

  abort(): void {
    this.seen.push('abort');
  }
}

/** Holds every failure until it is aborted. */
class Holder extends StagedPolicy {
  constructor() {
    super('holder', {});
  }

  snapshot(): Snapshot {
    return { status: 'up', counts: {} };
  }

  failure(_error: unknown, _token: unknown, attempt: Attempt): typeof HELD {
    attempt.watchCaller();
    return HELD;
  }

  abort(reason: unknown, _token: unknown, attempt: Attempt, index: number): void {
    attempt.fail(index, reason);
  }
}

class Sleeper extends StagedPolicy {
  readonly observesSuccess = false;
  readonly watchesCaller = false;
  successes = 0;

  constructor() {
    super('sleeper', {});
  }

  snapshot(): Snapshot {
    return { status: 'up', counts: {} };
  }

  success(): void {
    this.successes += 1;
  }

  abort(): void {}
}

test('an abort while an outcome is held does not concern the stages that it has passed', async () => {
  const inner = new Observer();
  const policy = compose(new Holder(), inner);
  const controller = new AbortController();
  const call = policy.execute(() => Promise.reject(new Error('down')), controller.signal);
  call.catch(() => {});
  await Promise.resolve();
  await Promise.resolve();
  const reason = new Error('enough');
  controller.abort(reason);
  await expect(call).rejects.toBe(reason);
  expect(inner.seen).toEqual(['failure']);
});

test('an abort of a running call concerns the stages around it', async () => {
  const inner = new Observer();
  const policy = compose(new Holder(), inner);
  const controller = new AbortController();
  const call = policy.execute(
    ({ signal }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      }),
    controller.signal,
  );
  const reason = new Error('enough');
  controller.abort(reason);
  await expect(call).rejects.toBe(reason);
  expect(inner.seen).toContain('abort');
});

test('a stage that says so costs a good call neither a listener nor a look at its success', async () => {
  const sleeper = new Sleeper();
  const { signal } = new AbortController();
  let listeners = 0;
  signal.addEventListener = () => {
    listeners += 1;
  };
  await expect(sleeper.execute(() => 1, signal)).resolves.toBe(1);
  expect([listeners, sleeper.successes]).toEqual([0, 0]);
});
