import { manualClock } from '@fournines/core/testing';
import { expect, test } from 'vitest';
import { type CircuitBreaker, circuitBreaker } from '../src/index.ts';

/** Rules that other libraries hold by a test, and that no other file here names. */

const sick = (): Error => Object.assign(new Error('down'), { code: 'ECONNREFUSED' });
const fail = (policy: CircuitBreaker): Promise<unknown> =>
  policy.execute(() => Promise.reject(sick())).catch(() => {});
const succeed = (policy: CircuitBreaker): Promise<unknown> => policy.execute(() => 'ok');

test('one may be isolated from birth, before any call (Polly 29)', async () => {
  const policy = circuitBreaker({ clock: manualClock() });
  const held = policy.isolate('not yet');
  expect([policy.state, policy.retryAfterMs]).toEqual(['isolated', Infinity]);
  await expect(succeed(policy)).rejects.toMatchObject({ isIsolatedCircuitError: true });
  expect(policy.history.map(({ from, to }) => `${from}>${to}`)).toEqual(['closed>isolated']);
  held.dispose();
  await expect(succeed(policy)).resolves.toBe('ok');
});

test('equal options change nothing: window, break and probes go on (Sentinel 42)', async () => {
  const clock = manualClock();
  const options = {
    failureThreshold: 3,
    failureRateThreshold: 0.5,
    minimumCalls: 4,
    slidingWindow: { duration: 10_000, buckets: 5 },
    slowCallDuration: 1_000,
    resetTimeout: 1_000,
    halfOpen: { permittedCalls: 2 },
  };
  const policy = circuitBreaker({ ...options, clock });
  await fail(policy);
  await fail(policy);
  policy.configure({ ...options });
  expect(policy.snapshot().gauges.failureRate).toBe(1);
  await fail(policy);
  expect([policy.state, policy.lastTrip?.failures]).toEqual(['open', { unavailable: 3 }]);
  await clock.advance(400);
  policy.configure({ ...options });
  expect(policy.retryAfterMs).toBe(600);
  await clock.advance(600);
  await succeed(policy);
  policy.configure({ ...options });
  expect(policy.state).toBe('half-open');
  await succeed(policy);
  expect(policy.state).toBe('closed');
});

test('minimumCalls and failureThreshold do not concern the probes (opossum 47)', async () => {
  const clock = manualClock();
  const policy = circuitBreaker({
    failureThreshold: 10,
    minimumCalls: 100,
    resetTimeout: 1_000,
    halfOpen: { permittedCalls: 1 },
    clock,
  });
  for (let i = 0; i < 10; i++) await fail(policy);
  await clock.advance(1_000);
  await fail(policy);
  expect([policy.state, policy.lastTrip?.rule]).toEqual(['open', 'half-open']);
  await clock.advance(1_000);
  await succeed(policy);
  expect(policy.state).toBe('closed');
});

test('several jobs that fail after a recovery open it once (opossum 47)', async () => {
  const clock = manualClock();
  const policy = circuitBreaker({
    failureThreshold: 1,
    resetTimeout: 1_000,
    halfOpen: { permittedCalls: 1 },
    clock,
  });
  await fail(policy);
  await clock.advance(1_000);
  await succeed(policy);
  await Promise.all([fail(policy), fail(policy), fail(policy)]);
  expect(policy.snapshot().counts).toMatchObject({ trips: 2, late: 2 });
  expect(policy.retryAfterMs).toBe(1_000);
});

test('a rate is compared as it is, and one that is reached is enough (Finagle 45, rule 2)', async () => {
  for (const [failures, state] of [
    [99, 'closed'],
    [100, 'open'],
  ] as const) {
    const policy = circuitBreaker({ clock: manualClock(), minimumCalls: 200 });
    for (let i = 0; i < 200 - failures; i++) await succeed(policy);
    for (let i = 0; i < failures; i++) await fail(policy);
    // 0.495 is not 0.5, to how many digits ever.
    expect([failures, policy.state]).toEqual([failures, state]);
  }
});

test('calls that still run, or were refused, water no rate down (rule 2)', async () => {
  const policy = circuitBreaker({ clock: manualClock(), minimumCalls: 20 });
  const gates = Array.from({ length: 100 }, () => Promise.withResolvers<never>());
  const calls = gates.map((gate) => policy.execute(() => gate.promise).catch(() => {}));
  for (const [place, gate] of gates.entries()) {
    gate.reject(sick());
    await calls[place];
    expect([place, policy.state]).toEqual([place, place < 19 ? 'closed' : 'open']);
  }
  expect(policy.lastTrip?.window).toMatchObject({ calls: 20, failures: 20 });
});

test('looking moves nothing, also when the break is over or a lease has ended (rule 3)', async () => {
  const clock = manualClock();
  const policy = circuitBreaker({
    failureThreshold: 1,
    resetTimeout: 1_000,
    halfOpen: { permittedCalls: 1 },
    clock,
  });
  await fail(policy);
  let told = 0;
  policy.onEvent(() => (told += 1));
  const look = (): unknown[] => [
    policy.toJSON().state,
    policy.history.length,
    policy.lastTrip?.rule,
    policy.snapshot().state,
    policy.state,
    policy.retryAfterMs,
  ];
  await clock.advance(1_000);
  const seen = look();
  expect(seen).toEqual(['open', 1, 'failure-threshold', 'open', 'open', 0]);
  expect(look()).toEqual(seen);
  expect(told).toBe(0);
  const probe = policy.tryAcquire();
  await clock.advance(1_000);
  told = 0;
  expect(look().slice(3)).toEqual(['half-open', 'half-open', 0]);
  expect(look().slice(3)).toEqual(['half-open', 'half-open', 0]);
  expect(told).toBe(0);
  // Nobody has looked for the end of its lease: the probe is in time.
  if (probe.granted) probe.success();
  expect(policy.state).toBe('closed');
});

test('what was closed by hand does not probe later (R4 15)', async () => {
  const clock = manualClock();
  const policy = circuitBreaker({ failureThreshold: 1, resetTimeout: 1_000, clock });
  await fail(policy);
  policy.reset();
  await clock.advance(10_000);
  await succeed(policy);
  expect(policy.history.map(({ to, reason }) => `${to}:${reason}`)).toEqual([
    'open:tripped',
    'closed:reset',
  ]);
});

test('every rejection names the one error that opened it, and leaves it as it was (rule 13)', async () => {
  const policy = circuitBreaker({ failureThreshold: 1, clock: manualClock() });
  const error = sick();
  const stack = error.stack;
  await policy.execute(() => Promise.reject(error)).catch(() => {});
  const refusals = await Promise.all(
    Array.from({ length: 100 }, () => succeed(policy).catch((thrown: unknown) => thrown)),
  );
  expect(new Set(refusals).size).toBe(100);
  expect(new Set(refusals.map((refusal) => (refusal as Error).cause))).toEqual(new Set([error]));
  expect(refusals).not.toContain(error);
  expect(error.stack).toBe(stack);
});
