import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type DeadlineHeaderStyle, deadlineHeader } from '@fournines/timeout';

/** How coarse each style is at a given length, by its specification: eight digits of the finest unit that fits. */
function stepOf(style: DeadlineHeaderStyle, ms: number): number {
  if (style !== 'grpc' || ms <= 99_999_999) return 1;
  if (ms <= 99_999_999_000) return 1_000;
  return ms <= 99_999_999 * 60_000 ? 60_000 : 3_600_000;
}

const style = fc.constantFrom<DeadlineHeaderStyle>('grpc', 'connect', 'envoy');
/** Of every magnitude, whole and broken, up to what each style can say. */
const remaining = fc.oneof(
  fc.double({ min: 1e-6, max: 9_999_999_999, noNaN: true }),
  fc.integer({ min: 1, max: 9_999_999_999 }),
  fc.integer({ min: 0, max: 33 }).map((power) => 2 ** power),
);

test('what is formatted parses to no less, and to less than one step more', () => {
  fc.assert(
    fc.property(style, remaining, (wanted, remainingMs) => {
      const [name, value] = deadlineHeader.format(
        { at: remainingMs, remainingMs, expired: false },
        wanted,
      );
      const parsed = deadlineHeader.parse(new Headers({ [name]: value }));
      expect(parsed).toBeGreaterThanOrEqual(remainingMs);
      expect(parsed).toBeLessThan(remainingMs + stepOf(wanted, Math.ceil(remainingMs)));
      const digits = value.replace(/\D$/, '').length;
      expect(digits).toBeLessThanOrEqual(wanted === 'grpc' ? 8 : 10);
    }),
    { numRuns: 2_000 },
  );
});

test('whatever arrives is a time within max, or nothing', () => {
  const name = fc.constantFrom(
    'grpc-timeout',
    'connect-timeout-ms',
    'x-envoy-expected-rq-timeout-ms',
  );
  const value = fc.oneof(fc.string(), fc.stringMatching(/^\d{0,18}[HMSmun]?$/), fc.anything());
  fc.assert(
    fc.property(fc.dictionary(name, value), (headers) => {
      const ms = deadlineHeader.parse(headers, { max: 10_000 });
      if (ms === undefined) return;
      expect(ms).toBeGreaterThanOrEqual(0);
      expect(ms).toBeLessThanOrEqual(10_000);
    }),
    { numRuns: 2_000 },
  );
});
