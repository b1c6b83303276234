import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { type ManualClock, manualClock } from '@fournines/core/testing';
import { expect, test } from 'vitest';
import {
  type DeadlineGate,
  type DeadlineGateOptions,
  type ExpiredEvent,
  deadlineGate,
  deadlineHeader,
  timeout,
} from '../src/index.ts';

const LATE = { 'grpc-timeout': '0m' };
const IN_TIME = { 'grpc-timeout': '300m' };

const gated = (options: DeadlineGateOptions = {}): { gate: DeadlineGate; clock: ManualClock } => {
  const clock = manualClock();
  return { gate: deadlineGate({ clock, ...options }), clock };
};
const isRefused = (gate: DeadlineGate, clock: ManualClock, headers: object): boolean => {
  using limit = deadlineHeader.accept(headers as typeof LATE, { max: 500, gate, clock });
  return limit.signal.aborted;
};

test('of callers that all come too late, a fifth is refused', () => {
  const { gate, clock } = gated();
  let refused = 0;
  for (let i = 0; i < 100; i++) if (isRefused(gate, clock, LATE)) refused += 1;
  expect(refused).toBe(20);
  expect(gate.snapshot()).toEqual({
    status: 'up',
    counts: { requests: 100, expired: 100, refused: 20 },
    gauges: { refusal: 0.2 },
  });
});

test('where few come too late, each of them is refused', () => {
  const { gate, clock } = gated();
  for (let i = 0; i < 100; i++) {
    expect(isRefused(gate, clock, IN_TIME)).toBe(false);
    if (i >= 10 && i % 10 === 0) expect(isRefused(gate, clock, LATE)).toBe(true);
  }
});

test('ten seconds later the requests of before allow nothing more', async () => {
  const { gate, clock } = gated();
  for (let i = 0; i < 100; i++) isRefused(gate, clock, IN_TIME);
  await clock.advance(9_000);
  expect(isRefused(gate, clock, LATE)).toBe(true);
  await clock.advance(10_000);
  expect(isRefused(gate, clock, LATE)).toBe(false);
});

test('dark mode counts and refuses nobody: what came too late is served as if it had named no deadline', async () => {
  const { gate, clock } = gated({ maxRefusal: 0 });
  const events: ExpiredEvent[] = [];
  gate.onExpired((event) => events.push(event));
  const policy = timeout({ duration: 1_000, clock });
  using limit = deadlineHeader.accept(LATE, { max: 500, gate, clock });
  expect(limit.deadline.remainingMs).toBe(500);
  await expect(policy.execute(() => 'served', limit.signal)).resolves.toBe('served');
  expect(events).toEqual([{ type: 'expired', at: clock.now(), refused: false }]);
  expect(gate.snapshot().counts).toEqual({ requests: 1, expired: 1, refused: 0 });
});

test('maxRefusal: 1 refuses each, as no gate does', async () => {
  const { gate, clock } = gated({ maxRefusal: 1 });
  let runs = 0;
  const policy = timeout({ duration: 1_000, clock });
  for (let i = 0; i < 3; i++) {
    using limit = deadlineHeader.accept(LATE, { gate, clock });
    await expect(policy.execute(() => (runs += 1), limit.signal)).rejects.toMatchObject({
      code: 'EDEADLINE',
    });
  }
  expect(runs).toBe(0);
});

test('a request without a header counts as one, and so does one whose header is malformed', () => {
  const { gate, clock } = gated();
  for (const headers of [{}, { 'grpc-timeout': 'soon' }, IN_TIME, {}]) {
    isRefused(gate, clock, headers);
  }
  expect(isRefused(gate, clock, LATE)).toBe(true);
  expect(gate.snapshot().counts.requests).toBe(5);
});

test('is a component with a name, events and a channel', () => {
  const { gate, clock } = gated({ name: 'door', maxRefusal: 1 });
  expect([gate.kind, gate.name]).toEqual(['deadline-gate', 'door']);
  expect(deadlineGate().name).toMatch(/^deadline-gate-\d+$/);
  const heard: unknown[] = [];
  const hear = (message: unknown): void => void heard.push(message);
  subscribe('fournines:deadline-gate:expired', hear);
  isRefused(gate, clock, LATE);
  unsubscribe('fournines:deadline-gate:expired', hear);
  expect(heard).toEqual([
    { component: gate, event: { type: 'expired', at: clock.now(), refused: true } },
  ]);
});

test.each([
  [{ maxRefusal: 1.5 }, 'deadlineGate: maxRefusal must be >= 0 and <= 1, got 1.5'],
  [{ maxRefusal: null }, 'deadlineGate: maxRefusal must be >= 0 and <= 1, got null'],
  [{ name: '' }, "deadlineGate: name must be a non-empty string, got ''"],
  [{ clock: {} }, 'deadlineGate: clock must be an object with now, wall and setTimeout'],
  [{ max: 1 }, "deadlineGate: unknown option 'max'"],
])('refuses %o', (options, message) => {
  expect(() => deadlineGate(options as never)).toThrow(message);
});

test('accept takes no gate but such a one', () => {
  expect(() => deadlineHeader.accept({}, { gate: {} } as never)).toThrow(
    'deadlineHeader: gate must be what deadlineGate() returns',
  );
});
