import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DurationWindow } from '../src/internal/duration-window.ts';

/** Time in milliseconds since the call before, and the call's duration. */
const step = fc.record({
  gap: fc.oneof(
    { weight: 8, arbitrary: fc.integer({ min: 0, max: 2_000 }) },
    { weight: 1, arbitrary: fc.integer({ min: 10_000, max: 130_000 }) },
  ),
  duration: fc.oneof(
    fc.double({ min: 0, max: 100, noNaN: true }),
    fc.double({ min: 0, max: 300_000, noNaN: true }),
  ),
});

function naive(
  kept: readonly { readonly slice: number; readonly duration: number }[],
  now: number,
): readonly number[] {
  const present = Math.floor(now / 10_000);
  return kept
    .filter(({ slice }) => slice > present - 6)
    .map(({ duration }) => duration)
    .toSorted((a, b) => a - b);
}

test('percentiles are those of the calls of the last minute, within 3 % and a 16th of a millisecond', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const window = new DurationWindow();
      const kept: { slice: number; duration: number }[] = [];
      let now = 5;
      for (const { gap, duration } of steps) {
        now += gap;
        expect(window.isDue()).toBe(true);
        window.record(duration, now);
        kept.push({ slice: Math.floor(now / 10_000), duration });
      }
      const sorted = naive(kept, now);
      const seen = window.percentiles(now);
      if (sorted.length === 0) {
        expect(seen).toBeUndefined();
        return;
      }
      for (const [share, value] of [
        [0.5, seen?.p50Ms],
        [0.95, seen?.p95Ms],
        [0.99, seen?.p99Ms],
      ] as const) {
        const exact = sorted[Math.ceil(share * sorted.length) - 1] ?? Number.NaN;
        expect(Math.abs((value ?? Number.NaN) - exact)).toBeLessThanOrEqual(exact * 0.032 + 1 / 16);
      }
    }),
  );
});

test('what is measured of a busy window stands for what is not', () => {
  const window = new DurationWindow();
  let reads = 0;
  // Two in a hundred take 500 ms, as the percentiles must say; all within one slice.
  for (let call = 0; call < 200_000; call += 1) {
    if (!window.isDue()) continue;
    reads += 1;
    window.record(call % 100 < 2 ? 500 : 10, 1_000 + call / 100);
  }
  expect(reads).toBeLessThan(13_000);
  const busy = window.percentiles(3_000);
  expect(busy?.p95Ms).toBeCloseTo(10, 0);
  expect(busy?.p99Ms).toBeGreaterThan(485);
  // A slow first second, measured singly, does not outweigh what follows.
  const shifting = new DurationWindow();
  for (let call = 0; call < 100_000; call += 1) {
    if (shifting.isDue()) shifting.record(call < 1_500 ? 500 : 10, 1_000);
  }
  expect(shifting.percentiles(1_000)?.p95Ms).toBeCloseTo(10, 0);
});

test('forgets after a minute, and does not trip over a clock that went back', () => {
  const window = new DurationWindow();
  window.record(100, 65_000);
  expect(window.percentiles(119_999)?.p50Ms).toBeGreaterThan(95);
  expect(window.percentiles(120_000)).toBeUndefined();
  window.record(100, 120_000);
  window.record(10, 0);
  expect(window.percentiles(0)?.p99Ms).toBeCloseTo(10, 0);
});
