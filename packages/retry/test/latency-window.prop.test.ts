import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LatencyWindow } from '../src/internal/latency-window.ts';

test('the quantile is that of the sorted values of the last 30 s, rounded up by at most 6.25 %', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.record({
          latency: fc.double({ min: 0, max: 100_000, noNaN: true }),
          pause: fc.integer({ min: 0, max: 4_000 }),
        }),
        { minLength: 1, maxLength: 60 },
      ),
      fc.double({ min: 0.01, max: 0.99, noNaN: true }),
      (samples, quantile) => {
        const window = new LatencyWindow(quantile, 1);
        const kept: { at: number; latency: number }[] = [];
        let now = 0;
        for (const { latency, pause } of samples) {
          now += pause;
          window.record(latency, now);
          kept.push({ at: now, latency });
        }
        const oldest = Math.floor(now / 5_000) - 5;
        const sorted = kept
          .filter(({ at }) => Math.floor(at / 5_000) >= oldest)
          .map(({ latency }) => latency)
          .toSorted((a, b) => a - b);
        const exact = sorted[Math.ceil(quantile * sorted.length) - 1] ?? NaN;
        const found = window.value(now) ?? NaN;
        expect(found).toBeGreaterThanOrEqual(exact);
        expect(found).toBeLessThanOrEqual(exact * 1.0625 + 1 / 16 + 1e-9);
      },
    ),
    { numRuns: 1_000 },
  );
});

test('says nothing before the warm-up, and again when all has left the window', () => {
  const window = new LatencyWindow(0.5, 3);
  window.record(5, 0);
  window.record(5, 0);
  expect(window.value(0)).toBeUndefined();
  window.record(5, 0);
  expect(window.value(0)).toBeCloseTo(5, 0);
  expect(window.value(31_000)).toBeUndefined();
});
