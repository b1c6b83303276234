import type { CallOptions, CommonOptions, Event, Permit, Rejection } from '@fournines/core';
import { type Attempt, type REFUSED, checkNumber, checkOptions } from '@fournines/core/authoring';
import { FleetLimit, type FleetRateLimit, type FleetRateLimitOptions } from './fleet-rate-limit.ts';
import { Admission, HeldPermit, rejection } from './internal/admission.ts';
import { Gcra } from './internal/gcra.ts';
import { burstOf, tooOften } from './internal/rate.ts';
import type { ChangingLimiter, LimitChangeEvent, LimiterSnapshot } from './limiter.ts';

/** Options of {@link rateLimit}. */
export interface RateLimitOptions extends CommonOptions {
  /** How many calls may start in an `interval`, in the long run. A number > 0. */
  readonly limit: number;
  /** The interval, in milliseconds, > 0. */
  readonly interval: number;
  /** How many calls may start at once after a pause. An integer ≥ 1. Default `limit`, rounded down, at least 1. */
  readonly burst?: number;
}

/** Why a rate limit refuses: too many calls too soon. */
export type RateLimitReason = 'rate';

/** A limit on how many calls start in a time. */
export interface RateLimit extends ChangingLimiter<RateLimitReason> {
  /**
   * Changes how many calls may start in an interval. What has been used up stays used up:
   * of a burst of 10 that is spent, 90 calls are left when it becomes 100.
   *
   * @param burst Default `limit`, rounded down, at least 1.
   * @throws TypeError or RangeError when a value is out of bounds.
   */
  resize(limit: number, burst?: number): void;
}

/**
 * Limits how many calls start in a time: evenly spaced in the long run, up to `burst` at once after
 * a pause (GCRA, ITU-T I.371). A refusal's `retryAfterMs` is exact: a call after that time is
 * admitted, if no other comes first. With `redis`, one limit for a fleet of processes.
 *
 * @throws TypeError or RangeError when an option is missing, unknown or out of bounds.
 */
export function rateLimit(options: FleetRateLimitOptions): FleetRateLimit;
export function rateLimit(options: RateLimitOptions): RateLimit;
export function rateLimit(
  options: RateLimitOptions | FleetRateLimitOptions,
): RateLimit | FleetRateLimit {
  if (typeof options === 'object' && options !== null && 'redis' in options) {
    return new FleetLimit(options);
  }
  checkOptions('rateLimit', options, ['limit', 'interval', 'burst', 'name', 'clock']);
  return new LocalRateLimit(options);
}

class LocalRateLimit
  extends Admission<RateLimitReason, LimiterSnapshot<RateLimitReason>>
  implements RateLimit
{
  readonly #interval: number;
  readonly #gcra: Gcra;
  #limit: number;

  readonly onLimitChange: Event<LimitChangeEvent> = this.limitChanges();

  constructor(options: RateLimitOptions) {
    super('rate-limit', options, ['rate'], ['reject', 'limit-change']);
    const { limit, interval } = options;
    checkNumber('rateLimit: limit', limit, { above: 0 });
    checkNumber('rateLimit: interval', interval, { above: 0 });
    this.#limit = limit;
    this.#interval = interval;
    this.#gcra = new Gcra(limit, interval, burstOf(limit, options.burst));
  }

  enter(attempt: Attempt): undefined | typeof REFUSED {
    const tooEarly = this.#gcra.take(this.clock.now());
    if (tooEarly > 0) return attempt.refuse(this.#refusal(tooEarly));
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
    const tooEarly = this.#gcra.take(this.clock.now());
    if (tooEarly > 0) return rejection(this.#refusal(tooEarly));
    this.#admit();
    return new HeldPermit(() => {
      this.inFlight -= 1;
    });
  }

  resize(limit: number, burst?: number): void {
    checkNumber('rateLimit: limit', limit, { above: 0 });
    const from = this.#limit;
    this.#gcra.configure(limit, this.#interval, burstOf(limit, burst), this.clock.now());
    this.#limit = limit;
    this.tellLimitChange(from, limit);
  }

  /** Always up: a caller that comes too often is no trouble of this service. */
  snapshot(): LimiterSnapshot<RateLimitReason> {
    return {
      status: 'up',
      counts: { admitted: this.admitted, queued: 0, rejected: this.snapshotRejected() },
      gauges: { limit: this.#limit, inFlight: this.inFlight, queued: 0 },
    };
  }

  #admit(): void {
    this.admitted += 1;
    this.inFlight += 1;
  }

  #refusal(tooEarly: number): ReturnType<typeof this.reject> {
    return this.reject('rate', tooOften(this.#limit, this.#interval), tooEarly);
  }
}
