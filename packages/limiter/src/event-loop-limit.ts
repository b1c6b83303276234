import type { CallOptions, CommonOptions, Event, Permit, Rejection } from '@fournines/core';
import { type Attempt, type REFUSED, checkNumber, checkOptions } from '@fournines/core/authoring';
import { Admission, HeldPermit, rejection } from './internal/admission.ts';
import { LoopDelay } from './internal/loop-delay.ts';
import type { ChangingLimiter, LimitChangeEvent, LimiterSnapshot } from './limiter.ts';

/** Options of {@link eventLoopLimit}. */
export interface EventLoopLimitOptions extends CommonOptions {
  /** Calls are refused while the event loop is later than this, in milliseconds, > 0. Default 200. */
  readonly maxDelay?: number;
}

/** Why it refuses: the event loop is too late. */
export type EventLoopLimitReason = 'loop-delay';

/** Sheds load while this process cannot keep up. */
export interface EventLoopLimit extends ChangingLimiter<EventLoopLimitReason> {
  /**
   * Changes `maxDelay`.
   *
   * @throws TypeError or RangeError when it is no number > 0.
   */
  resize(maxDelay: number): void;
}

/**
 * Refuses calls while the event loop is more than `maxDelay` late: the process has more to do than
 * it can, and work that it takes on now makes everything later. It sees a turn of the loop that
 * takes too long while it lasts, so one turn never takes on more than about `maxDelay` of work.
 * The gauge `limit` is `maxDelay`.
 *
 * @throws TypeError or RangeError when an option is unknown or out of bounds.
 */
export function eventLoopLimit(options: EventLoopLimitOptions = {}): EventLoopLimit {
  checkOptions('eventLoopLimit', options, ['maxDelay', 'name', 'clock']);
  return new LoopLimit(options);
}

class LoopLimit
  extends Admission<EventLoopLimitReason, LimiterSnapshot<EventLoopLimitReason>>
  implements EventLoopLimit
{
  readonly #loop: LoopDelay;
  #maxDelay: number;

  readonly onLimitChange: Event<LimitChangeEvent> = this.limitChanges();

  constructor(options: EventLoopLimitOptions) {
    super('event-loop-limit', options, ['loop-delay'], ['reject', 'limit-change']);
    this.#maxDelay = checkMaxDelay(options.maxDelay ?? 200);
    this.#loop = new LoopDelay(this.clock);
  }

  enter(attempt: Attempt): undefined | typeof REFUSED {
    const delay = this.#loop.read();
    if (delay > this.#maxDelay) return attempt.refuse(this.#refusal(delay));
    this.#admit();
    return undefined;
  }

  success(): void {
    this.inFlight -= 1;
  }

  failure(): void {
    this.inFlight -= 1;
  }

  tryAcquire(_call?: CallOptions): Permit | Rejection {
    const delay = this.#loop.read();
    if (delay > this.#maxDelay) return rejection(this.#refusal(delay));
    this.#admit();
    return new HeldPermit(() => {
      this.inFlight -= 1;
    });
  }

  resize(maxDelay: number): void {
    const from = this.#maxDelay;
    this.#maxDelay = checkMaxDelay(maxDelay);
    this.tellLimitChange(from, maxDelay);
  }

  /** Degraded while calls are refused. */
  snapshot(): LimiterSnapshot<EventLoopLimitReason> {
    return {
      status: this.#loop.peek() > this.#maxDelay ? 'degraded' : 'up',
      counts: { admitted: this.admitted, queued: 0, rejected: this.snapshotRejected() },
      gauges: { limit: this.#maxDelay, inFlight: this.inFlight, queued: 0 },
    };
  }

  #admit(): void {
    this.admitted += 1;
    this.inFlight += 1;
  }

  #refusal(delay: number): ReturnType<typeof this.reject> {
    const late = `the event loop is ${Math.round(delay)} ms late`;
    return this.reject('loop-delay', `${late} (limit ${this.#maxDelay} ms)`);
  }
}

function checkMaxDelay(value: number): number {
  return checkNumber('eventLoopLimit: maxDelay', value, { above: 0 });
}
