import type { Backoff, BackoffContext, BackoffStep } from '../backoff.ts';
import { type ExponentialRule, exponentialDelay } from './exponential-delay.ts';

/** An exponential backoff: in cockatiel's protocol, and in a short form for our own retry. */
export class ExponentialBackoff implements Backoff {
  readonly #rule: ExponentialRule;
  readonly #random: (() => number) | undefined;

  constructor(rule: ExponentialRule, random: (() => number) | undefined) {
    this.#rule = rule;
    this.#random = random;
  }

  next(context: BackoffContext | undefined): BackoffStep {
    return new ExponentialStep(this, 0, undefined, context);
  }

  /**
   * The delay of a step, without an object for each.
   *
   * @param step Counted from 0.
   * @param previous The delay of the step before; undefined for the first.
   * @param random Where chance comes from, unless the backoff has its own.
   */
  delayOf(step: number, previous: number | undefined, random: () => number): number {
    const rule = this.#rule;
    return exponentialDelay(rule, step, previous ?? rule.initial, this.#random ?? random);
  }
}

class ExponentialStep implements BackoffStep {
  readonly duration: number;
  readonly #backoff: ExponentialBackoff;
  readonly #step: number;

  constructor(
    backoff: ExponentialBackoff,
    step: number,
    previous: number | undefined,
    context: BackoffContext | undefined,
  ) {
    this.#backoff = backoff;
    this.#step = step;
    this.duration = backoff.delayOf(step, previous, context?.random ?? Math.random);
  }

  next(context: BackoffContext): BackoffStep {
    return new ExponentialStep(this.#backoff, this.#step + 1, this.duration, context);
  }
}
