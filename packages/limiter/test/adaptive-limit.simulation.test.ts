import { describe, expect, it } from 'vitest';
import { type Service, type Span, simulate } from './service.ts';

/** 100 at once, 100 ms each: the knee is at 100 calls, 1 000 per second. Half again as many arrive. */
const service: Service = { servers: 100, ms: 100, refuseAbove: Infinity, rate: 1_500 };
const gradient = { algorithm: 'gradient' } as const;

/** Whether a span was spent at the knee: little below it, little waiting, nearly all of the capacity. */
function atKnee(span: Span | undefined, knee: number, ms: number): Record<string, boolean> {
  const { limit, perSecond, latencyMs } = span ?? { limit: 0, perSecond: 0, latencyMs: Infinity };
  return {
    limitIsNotLow: limit > 0.9 * knee,
    limitIsNotHigh: limit < 1.6 * knee,
    isBusy: perSecond > (0.93 * knee * 1_000) / ms,
    isQuick: latencyMs < 1.6 * ms,
  };
}

const yes = { limitIsNotLow: true, limitIsNotHigh: true, isBusy: true, isQuick: true };

describe('adaptiveLimit gradient, in simulated time', () => {
  it.each([
    ['fixed', 1],
    ['exponential', 1],
    ['exponential', 2],
    ['exponential', 3],
  ] as const)('finds the knee within 10 s (durations %s, seed %i)', (spread, seed) => {
    const [span] = simulate(gradient, service, { seed, spread, spans: [[10_000, 60_000]] });
    expect(atKnee(span, 100, 100)).toEqual(yes);
  });

  it('finds a knee below its initial limit', () => {
    const small = { ...service, servers: 8, ms: 50, rate: 400 };
    const [span] = simulate({ ...gradient, initial: 200, min: 1 }, small, {
      seed: 4,
      spread: 'exponential',
      spans: [[30_000, 90_000]],
    });
    expect(span?.limit).toBeGreaterThan(7);
    expect(span?.limit).toBeLessThan(20);
    expect(span?.perSecond).toBeGreaterThan(140);
  });

  it.each([1, 2, 4, 8])(
    'finds the knee of a small service that was overloaded from the start (seed %i)',
    (seed) => {
      const small = { ...service, servers: 3, rate: 120 };
      const [span] = simulate({ ...gradient, min: 1 }, small, {
        seed,
        spread: 'exponential',
        spans: [[10_000, 60_000]],
      });
      expect(span?.limit).toBeGreaterThan(3);
      expect(span?.limit).toBeLessThan(9);
      expect(span?.latencyMs).toBeLessThan(250);
    },
  );

  it.each([1, 2, 3])('does not drift in an hour at the limit (seed %i)', (seed) => {
    const busy = { ...service, servers: 30, rate: 450 };
    const spans = [0, 15, 30, 45].map(
      (minute) => [minute * 60_000 + 10_000, (minute + 15) * 60_000] as const,
    );
    const quarters = simulate(gradient, busy, { seed, spread: 'exponential', spans });
    for (const quarter of quarters) expect(atKnee(quarter, 30, 100)).toEqual(yes);
    const [first, , , last] = quarters;
    const drift = (last?.limit ?? 0) / (first?.limit ?? 1);
    expect(drift).toBeGreaterThan(0.8);
    expect(drift).toBeLessThan(1.25);
  });

  it('follows the capacity down and up again', () => {
    const spans = simulate(gradient, service, {
      seed: 5,
      spread: 'exponential',
      changes: [
        { at: 60_000, to: { servers: 50 } },
        { at: 120_000, to: { servers: 100 } },
      ],
      spans: [
        [70_000, 120_000],
        [130_000, 180_000],
      ],
    });
    expect(atKnee(spans[0], 50, 100)).toEqual(yes);
    expect(atKnee(spans[1], 100, 100)).toEqual(yes);
  });

  it('recovers when every call takes twice as long, and when that ends', () => {
    const spans = simulate(gradient, service, {
      seed: 6,
      spread: 'exponential',
      changes: [
        { at: 60_000, to: { ms: 200 } },
        { at: 120_000, to: { ms: 100 } },
      ],
      spans: [
        [75_000, 120_000],
        [155_000, 200_000],
      ],
    });
    expect(atKnee(spans[0], 100, 200)).toEqual(yes);
    expect(atKnee(spans[1], 100, 100)).toEqual(yes);
  });

  it('refuses nobody while the service is not busy, after the first seconds', () => {
    const [span] = simulate(
      gradient,
      { ...service, rate: 300 },
      {
        seed: 7,
        spread: 'exponential',
        spans: [[10_000, 180_000]],
      },
    );
    expect(span?.rejectedShare).toBe(0);
    expect(span?.perSecond).toBeGreaterThan(290);
  });
});

describe('adaptiveLimit aimd, in simulated time', () => {
  it('stays just below where a service refuses, and follows when that moves', () => {
    const refusing = { ...service, rate: 3_000, refuseAbove: 150 };
    const spans = simulate({}, refusing, {
      seed: 8,
      spread: 'exponential',
      changes: [
        { at: 30_000, to: { refuseAbove: 60, servers: 40 } },
        { at: 60_000, to: { refuseAbove: 150, servers: 100 } },
      ],
      spans: [
        [5_000, 30_000],
        [35_000, 60_000],
        [80_000, 110_000],
      ],
    });
    expect(spans[0]?.limit).toBeGreaterThan(130);
    expect(spans[0]?.limit).toBeLessThanOrEqual(151);
    expect(spans[0]?.perSecond).toBeGreaterThan(950);
    expect(spans[1]?.limit).toBeGreaterThan(50);
    expect(spans[1]?.limit).toBeLessThanOrEqual(61);
    expect(spans[2]?.limit).toBeGreaterThan(120);
    expect(spans[2]?.perSecond).toBeGreaterThan(950);
  });
});
