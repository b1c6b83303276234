import { expect, test, vi } from 'vitest';
import { coarseNow } from '../src/authoring.ts';
import { fallback, systemClock } from '../src/index.ts';
import { manualClock, seededRandom, useManualClock } from '../src/testing.ts';

test('a manual clock fires what falls due in order of time and of start, each at its moment', async () => {
  const clock = manualClock({ now: 5 });
  const fired: unknown[] = [];
  const at = (name: string, ms: number) =>
    clock.setTimeout(() => fired.push([name, clock.now()]), ms);
  at('c', 30);
  at('a', 10);
  at('b', 10);
  at('later', 31);
  const cancelled = at('never', 5);
  cancelled.cancel();
  cancelled.cancel();
  await clock.advance(30);
  expect(fired).toEqual([
    ['a', 15],
    ['b', 15],
    ['c', 35],
  ]);
  expect([clock.now(), clock.timers]).toEqual([35, 1]);
});

test('timers started by timers, and by the promises between, fire in the same advance', async () => {
  const clock = manualClock();
  const fired: number[] = [];
  const sleep = (ms: number) => new Promise<void>((resolve) => clock.setTimeout(resolve, ms));
  void (async () => {
    for (let i = 0; i < 3; i++) {
      await sleep(10);
      fired.push(clock.now());
    }
  })();
  await clock.advance(25);
  expect(fired).toEqual([10, 20]);
  await clock.advance(5);
  expect(fired).toEqual([10, 20, 30]);
});

test('wall time is set apart from monotonic time, and both move on together', async () => {
  const clock = manualClock({ wall: 1_000 });
  clock.setWall(50);
  await clock.advance(7);
  expect([clock.now(), clock.wall()]).toEqual([7, 57]);
  await expect(clock.advance(-1)).rejects.toThrow(RangeError);
});

test('the default clock is replaced for policies made before, and comes back', async () => {
  const at: number[] = [];
  const policy = fallback(() => true, 0);
  policy.onFallback((event) => at.push(event.at));
  const fail = () => policy.execute(() => Promise.reject(new Error('x')));
  {
    using clock = useManualClock({ now: 1e9 });
    await clock.advance(1);
    await fail();
  }
  await fail();
  expect(at[0]).toBe(1e9 + 1);
  expect(at[1]).toBeLessThan(1e9);
});

test('manual clocks given back in any order leave no dead one behind', () => {
  const first = useManualClock({ now: 1e9 });
  const second = useManualClock({ now: 2e9 });
  first[Symbol.dispose]();
  expect(systemClock.now()).toBe(2e9);
  second[Symbol.dispose]();
  expect(systemClock.now()).toBeLessThan(1e9);
  using third = useManualClock({ now: 3e9 });
  first[Symbol.dispose]();
  expect(systemClock.now()).toBe(third.now());
});

test.each([
  ['all', undefined],
  ['the time alone', { toFake: ['performance', 'Date'] as const }],
  ['timers and time', { toFake: ['performance', 'setTimeout'] as const }],
])("a test runner's fake timers are the system's clock: %s", (_name, options) => {
  vi.useFakeTimers(options === undefined ? {} : { toFake: [...options.toFake] });
  try {
    const start = systemClock.now();
    vi.advanceTimersByTime(1_000);
    expect(systemClock.now() - start).toBe(1_000);
  } finally {
    vi.useRealTimers();
  }
  const real = systemClock.now();
  expect(Math.abs(real - performance.now())).toBeLessThan(1_000);
});

test('a delay over 2³¹−1 ms does not fire at once', () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    let fired = 0;
    const timer = systemClock.setTimeout(() => (fired += 1), 2 ** 31 + 1_000);
    timer.unref();
    vi.advanceTimersByTime(2 ** 31 + 999);
    expect(fired).toBe(0);
    vi.advanceTimersByTime(1);
    expect(fired).toBe(1);
    systemClock.setTimeout(() => (fired += 1), 2 ** 31 + 1_000).cancel();
    vi.advanceTimersByTime(2 ** 33);
    expect(fired).toBe(1);
  } finally {
    vi.useRealTimers();
  }
});

test("the coarse clock is exact on a manual one, and never shows manual time as the system's", async () => {
  const before = coarseNow(systemClock);
  {
    using clock = useManualClock({ now: 1e9 });
    expect(coarseNow(systemClock)).toBe(1e9);
    await clock.advance(5);
    expect(coarseNow(systemClock)).toBe(1e9 + 5);
    const until = performance.now() + 25;
    while (performance.now() < until) await new Promise((resolve) => setImmediate(resolve));
  }
  const after = coarseNow(systemClock);
  expect(after).toBeGreaterThanOrEqual(before);
  expect(after).toBeLessThan(1e9);
});

test('a seed gives its own series again, uniform in [0, 1)', () => {
  const series = (seed: number) => Array.from({ length: 10_000 }, seededRandom(seed));
  const [one, again, two] = [series(1), series(1), series(2)];
  expect(one).toEqual(again);
  expect(one).not.toEqual(two);
  expect(one.every((value) => value >= 0 && value < 1)).toBe(true);
  const mean = one.reduce((sum, value) => sum + value, 0) / one.length;
  expect(mean).toBeGreaterThan(0.48);
  expect(mean).toBeLessThan(0.52);
});
