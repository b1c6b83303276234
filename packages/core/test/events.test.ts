import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ComponentEvents } from '../src/authoring.ts';
import { type ComponentEvent, compose, fallback } from '../src/index.ts';
import { deferred, probe, repeater, settle } from './probe.ts';

interface Ping extends ComponentEvent {
  readonly type: 'ping';
}
const component = {
  kind: 'thing',
  name: 'thing-1',
  snapshot: () => ({ status: 'up', counts: {} }) as const,
};
const ping: Ping = { type: 'ping', at: 1 };
const make = () => new ComponentEvents<Ping>(component, ['ping']);

let warnings: Error[] = [];
const keep = (warning: Error): void => void warnings.push(warning);
beforeEach(() => {
  warnings = [];
  process.on('warning', keep);
});
afterEach(() => void process.off('warning', keep));

test('a listener hears until its subscription is disposed, by hand or by using', () => {
  const events = make();
  const heard: unknown[] = [];
  {
    using _subscription = events.of('ping')((event) => heard.push(event));
    const second = events.onEvent((event) => heard.push(event));
    events.emit(ping);
    second.dispose();
    second.dispose();
    events.emit(ping);
  }
  events.emit(ping);
  expect(heard).toEqual([ping, ping, ping]);
});

test('the same function may listen twice, and each subscription ends by itself', () => {
  const events = make();
  let heard = 0;
  const listener = (): void => void (heard += 1);
  const first = events.onEvent(listener);
  events.onEvent(listener);
  events.emit(ping);
  first.dispose();
  events.emit(ping);
  expect(heard).toBe(3);
});

test('a listener that throws or rejects is reported once and hurts nobody', async () => {
  const events = make();
  let heard = 0;
  events.onEvent(() => {
    throw new Error('thrown');
  });
  events.onEvent((async () => Promise.reject(new Error('rejected'))) as () => void);
  events.onEvent((() => ({
    then: (_ok: unknown, no: (error: Error) => void) => no(new Error('thenable')),
  })) as never);
  events.onEvent(() => void (heard += 1));
  events.emit(ping);
  events.emit(ping);
  await settle();
  expect(heard).toBe(2);
  expect(warnings.map((warning) => warning.name)).toEqual(Array(3).fill('FourninesWarning'));
  expect(warnings.map((warning) => (warning.cause as Error).message).sort()).toEqual([
    'rejected',
    'thenable',
    'thrown',
  ]);
});

test('listeners may come, go and emit while an event is delivered', () => {
  const events = make();
  const heard: string[] = [];
  const first = events.onEvent(() => {
    heard.push('first');
    first.dispose();
    events.onEvent(() => heard.push('third'));
    if (heard.length === 1) events.emit(ping);
  });
  events.onEvent(() => heard.push('second'));
  events.emit(ping);
  expect(heard).toEqual(['first', 'second', 'third', 'second']);
});

test('nobody listens, nobody wants; a listener that is none is refused', () => {
  const events = make();
  expect(events.wants('ping')).toBe(false);
  const subscription = events.onEvent(() => {});
  expect(events.wants('ping')).toBe(true);
  subscription.dispose();
  expect(events.wants('ping')).toBe(false);
  expect(() => events.onEvent(5 as never)).toThrow(TypeError);
});

test('an event is published on its diagnostics channel while somebody subscribes there', async () => {
  const heard: unknown[] = [];
  const listen = (message: unknown): void => void heard.push(message);
  const policy = fallback(() => true, 1);
  const fail = () => policy.execute(() => Promise.reject(new Error('x')));
  await fail();
  subscribe('fournines:fallback:fallback', listen);
  await fail();
  unsubscribe('fournines:fallback:fallback', listen);
  await fail();
  expect(heard).toEqual([
    { component: policy, event: expect.objectContaining({ type: 'fallback' }) },
  ]);
});

test('onSuccess and onFailure tell each policy of what came to it, with a duration', async () => {
  const inner = repeater(3);
  const policy = compose(
    fallback(() => true, 'other'),
    inner,
  );
  const heard: string[] = [];
  using _a = policy.onSuccess(({ duration }) => heard.push(`whole ok ${duration >= 0}`));
  using _b = inner.onFailure(({ reason }) =>
    heard.push(`inner ${String((reason as { error: unknown }).error)}`),
  );
  let n = 0;
  await policy.execute(() => Promise.reject(++n));
  expect(heard).toEqual(['inner 1', 'inner 2', 'inner 3', 'whole ok true']);
});

test('onFailure says whether it was the caller who gave up, and fires for an early answer', async () => {
  const caller = new AbortController();
  const policy = probe({
    answersEarly: true,
    abort: (reason, _t, attempt, index) => attempt.answer(index, false, reason),
  });
  const heard: unknown[] = [];
  using _subscription = policy.onFailure(({ handled, reason }) => heard.push([handled, reason]));
  const gate = deferred();
  const call = policy.execute(() => gate.promise, caller.signal);
  caller.abort('gone');
  await expect(call).rejects.toBe('gone');
  gate.reject(new Error('late'));
  await settle();
  expect(heard).toEqual([[false, { error: 'gone' }]]);
});
