/** How the delays of clients that failed together are spread. */
export type Jitter = 'full' | 'equal' | 'decorrelated' | 'proportional' | 'none';

/** A checked exponential backoff. */
export interface ExponentialRule {
  readonly initial: number;
  readonly max: number;
  readonly factor: number;
  readonly jitter: Jitter;
}

/** How far `proportional` goes to either side: gRPC A6. */
const PROPORTION = 0.2;

/**
 * The delay of a step, counted from 0.
 *
 * @param previous The delay of the step before; `initial` for the first.
 */
export function exponentialDelay(
  rule: ExponentialRule,
  step: number,
  previous: number,
  random: () => number,
): number {
  const { initial, max } = rule;
  // 0 · Infinity would be NaN.
  const capped = initial === 0 ? 0 : Math.min(max, initial * rule.factor ** step);
  switch (rule.jitter) {
    case 'full':
      return capped * random();
    case 'equal':
      return capped / 2 + (capped / 2) * random();
    case 'decorrelated':
      return initial + (Math.min(max, 3 * previous) - initial) * random();
    case 'proportional':
      return capped * (1 - PROPORTION + 2 * PROPORTION * random());
    case 'none':
      break;
  }
  return capped;
}
