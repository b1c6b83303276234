import type {
  CallContext,
  CallOptions,
  CommonOptions,
  Event,
  Permit,
  Policy,
  Rejection,
} from '@fournines/core';
import {
  type Attempt,
  type PARKED,
  checkFunction,
  checkNumber,
  checkOneOf,
  checkOptions,
} from '@fournines/core/authoring';
import { Admission, HeldPermit, rejection } from './internal/admission.ts';
import { type Answer, FleetBucket } from './internal/fleet-bucket.ts';
import { burstOf, tooOften } from './internal/rate.ts';
import type { RedisScripts } from './internal/remote-gcra.ts';
import type { LimitChangeEvent, LimiterEvent, LimiterSnapshot, RejectEvent } from './limiter.ts';

/** Options of `rateLimit` for a fleet of processes that share one limit. */
export interface FleetRateLimitOptions extends CommonOptions {
  /** How many calls of the whole fleet may start in an `interval`, in the long run. A number > 0. */
  readonly limit: number;
  /** The interval, in milliseconds, > 0. */
  readonly interval: number;
  /** How many calls may start at once after a pause. An integer ≥ 1. Default `limit`, rounded down, at least 1. */
  readonly burst?: number;
  /** The Redis client: ioredis' `Redis` or `Cluster`, or anything with its `evalsha` and `eval`. */
  readonly redis: RedisScripts;
  /** The key in Redis. Limits of the same key are one limit. Not empty. */
  readonly key: string;
  /** How long Redis may take to answer, in milliseconds, > 0. A call never waits longer. Default 50. */
  readonly deadline?: number;
  /**
   * Who decides while Redis does not answer: `local`, this process by a bucket of its own; `admit`,
   * everything is let through; `reject`, everything is refused. Default `local`.
   */
  readonly onUnavailable?: 'local' | 'admit' | 'reject';
  /**
   * The share of the limit that this process may use by itself while Redis is away, in (0, 1]:
   * 1 / number of processes keeps the fleet within its limit. Default 1.
   */
  readonly localShare?: number;
  /**
   * After Redis failed to answer it is left alone for this long, in milliseconds, > 0; then one call
   * tries it. Default 1 000.
   */
  readonly retryAfter?: number;
}

/** Why a fleet's rate limit refuses: too many calls too soon, or Redis is away and `onUnavailable` is `reject`. */
export type FleetRateLimitReason = 'rate' | 'unavailable';

/** One rate limit for a fleet of processes. */
export interface FleetRateLimit extends Policy<CallContext, LimiterSnapshot<FleetRateLimitReason>> {
  /** Every event of this limiter. */
  readonly onEvent: Event<LimiterEvent<FleetRateLimitReason>>;
  /** It refused a call. */
  readonly onReject: Event<RejectEvent<FleetRateLimitReason>>;
  /** Its limit changed. */
  readonly onLimitChange: Event<LimitChangeEvent>;
  /** Admission without a function. Resolves within `deadline`, never rejects. */
  tryAcquire(call?: CallOptions): Promise<Permit | Rejection>;
  /**
   * Changes how many calls may start in an interval, for this process: give the whole fleet the
   * same.
   *
   * @throws TypeError or RangeError when a value is out of bounds.
   */
  resize(limit: number, burst?: number): void;
}

const KNOWN = [
  'limit',
  'interval',
  'burst',
  'redis',
  'key',
  'deadline',
  'onUnavailable',
  'localShare',
  'retryAfter',
  'name',
  'clock',
];

/** A call that waits for Redis. */
interface Asking {
  isOpen: boolean;
}

/** The policy behind `rateLimit({ redis })`. */
export class FleetLimit
  extends Admission<FleetRateLimitReason, LimiterSnapshot<FleetRateLimitReason>>
  implements FleetRateLimit
{
  readonly #interval: number;
  readonly #bucket: FleetBucket;
  #limit: number;
  #queued = 0;
  #asking = 0;

  readonly onLimitChange: Event<LimitChangeEvent> = this.limitChanges();
  /** Every call is parked first, which subscribes to the caller's signal. */
  readonly watchesCaller: boolean = false;

  constructor(options: FleetRateLimitOptions) {
    checkOptions('rateLimit', options, KNOWN);
    super('rate-limit', options, ['rate', 'unavailable'], ['reject', 'limit-change']);
    const {
      limit,
      interval,
      redis,
      key,
      deadline = 50,
      localShare = 1,
      retryAfter = 1_000,
    } = options;
    checkNumber('rateLimit: limit', limit, { above: 0 });
    checkNumber('rateLimit: interval', interval, { above: 0 });
    checkNumber('rateLimit: deadline', deadline, { above: 0 });
    checkNumber('rateLimit: localShare', localShare, { above: 0, max: 1 });
    checkNumber('rateLimit: retryAfter', retryAfter, { above: 0 });
    const onUnavailable = checkOneOf('rateLimit: onUnavailable', options.onUnavailable ?? 'local', [
      'local',
      'admit',
      'reject',
    ]);
    checkFunction('rateLimit: redis.evalsha', redis?.evalsha);
    checkFunction('rateLimit: redis.eval', redis?.eval);
    if (typeof key !== 'string' || key === '') {
      throw new TypeError(`rateLimit: key must be a non-empty string, got ${String(key)}`);
    }
    this.#limit = limit;
    this.#interval = interval;
    this.#bucket = new FleetBucket(
      { redis, key, deadline, onUnavailable, localShare, retryAfter, clock: this.clock },
      { limit, interval, burst: burstOf(limit, options.burst) },
    );
  }

  enter(attempt: Attempt, index: number): typeof PARKED {
    const asking: Asking = { isOpen: true };
    this.#ask((answer) => {
      if (!asking.isOpen) return;
      asking.isOpen = false;
      if (attempt.isAborted(index)) {
        attempt.inContext(() => attempt.fail(index, attempt.abortReason));
      } else if (answer.isAdmitted) {
        this.#admit();
        attempt.resume(index, undefined);
      } else {
        const error = this.#refusal(answer);
        attempt.inContext(() => attempt.fail(index, error));
      }
    });
    return attempt.park(index, asking);
  }

  success(): void {
    this.inFlight -= 1;
  }

  failure(): void {
    this.inFlight -= 1;
  }

  /** A call that waits for Redis leaves at once; one that runs goes on until it has ended. */
  abort(reason: unknown, token: unknown, attempt: Attempt, index: number): void {
    const asking = token as Asking | undefined;
    if (asking?.isOpen !== true) return;
    asking.isOpen = false;
    attempt.inContext(() => attempt.fail(index, reason));
  }

  tryAcquire(_call?: CallOptions): Promise<Permit | Rejection> {
    return new Promise((resolve) => {
      this.#ask((answer) => {
        if (!answer.isAdmitted) {
          resolve(rejection(this.#refusal(answer)));
          return;
        }
        this.#admit();
        resolve(
          new HeldPermit(() => {
            this.inFlight -= 1;
          }),
        );
      });
    });
  }

  resize(limit: number, burst?: number): void {
    checkNumber('rateLimit: limit', limit, { above: 0 });
    const from = this.#limit;
    this.#bucket.configure({ limit, interval: this.#interval, burst: burstOf(limit, burst) });
    this.#limit = limit;
    this.tellLimitChange(from, limit);
  }

  /** Degraded while Redis does not answer. */
  snapshot(): LimiterSnapshot<FleetRateLimitReason> {
    return {
      status: this.#bucket.isRemote ? 'up' : 'degraded',
      counts: { admitted: this.admitted, queued: this.#queued, rejected: this.snapshotRejected() },
      gauges: { limit: this.#limit, inFlight: this.inFlight, queued: this.#asking },
    };
  }

  #ask(then: (answer: Answer) => void): void {
    this.#queued += 1;
    this.#asking += 1;
    this.#bucket.take((answer) => {
      this.#asking -= 1;
      then(answer);
    });
  }

  #admit(): void {
    this.admitted += 1;
    this.inFlight += 1;
  }

  #refusal(answer: Answer): ReturnType<typeof this.reject> {
    return answer.by !== 'policy'
      ? this.reject('rate', tooOften(this.#limit, this.#interval), answer.retryAfterMs)
      : this.reject('unavailable', 'Redis does not answer', answer.retryAfterMs);
  }
}
