import type { CallOptions, CommonOptions, Permit, Rejection, Snapshot } from '@fournines/core';
import {
  type Attempt,
  type REFUSED,
  RequestWindow,
  checkFunction,
  checkNumber,
  checkOptions,
  coarseNow,
} from '@fournines/core/authoring';
import { Admission, HeldPermit, rejection } from './internal/admission.ts';
import { chanceOf } from './internal/chance.ts';
import { isOwnTimeout } from './internal/overload.ts';
import { type Verdict, judgePermit, judgeCall } from './internal/verdict.ts';
import type { Limiter } from './limiter.ts';

/** Options of {@link adaptiveThrottle}. */
export interface AdaptiveThrottleOptions extends CommonOptions {
  /**
   * How many requests are let through for each one that the callee accepts, ≥ 1. Lower refuses
   * sooner; 2 wastes some of the callee's time on refusals so that it is seen to recover.
   * Default 2.
   */
  readonly ratio?: number;
  /** How far back it looks, in milliseconds, > 0. Default 60 000. */
  readonly window?: number;
  /**
   * Nothing is refused while there were fewer requests than this in a second, on average over the
   * window. ≥ 0. Default 5.
   */
  readonly minPerSecond?: number;
  /** At most this share of calls is refused, in [0, 1): the others find out that the callee is back. Default 0.9. */
  readonly maxRejection?: number;
  /**
   * Which errors say that the callee did not accept the request. Default: timeouts, and refusals
   * for want of room (HTTP 429, 503, 504, 529 and their like). Not asked about the caller's own
   * abort and about refusals of policies further in, which do not count. One that throws says yes.
   */
  readonly isOverload?: (error: unknown) => boolean;
  /** Chance, in [0, 1): it decides who is refused. Default `Math.random`. */
  readonly random?: () => number;
}

/** Why an adaptive throttle refuses: too few requests were accepted of late. */
export type AdaptiveThrottleReason = 'throttled';

/** What an adaptive throttle has counted, and where it stands. */
export interface AdaptiveThrottleSnapshot extends Snapshot {
  readonly counts: {
    /** Calls that were let through. */
    readonly admitted: number;
    /** Calls that were refused, by reason. */
    readonly rejected: Readonly<Record<AdaptiveThrottleReason, number>>;
  };
  readonly gauges: {
    /** The share of calls that is refused at this moment, 0..1. */
    readonly rejectionRate: number;
    /** Calls that were let through and have not settled. */
    readonly inFlight: number;
  };
}

/** A throttle at the client's side. */
export interface AdaptiveThrottle extends Limiter<
  AdaptiveThrottleReason,
  AdaptiveThrottleSnapshot
> {}

/**
 * Refuses a growing share of calls while the callee refuses or times out, before they cost it
 * anything: `max(0, (requests − ratio · accepts) / (requests + 1))`, the client-side throttling of
 * "Site Reliability Engineering" (Google, 2016), chapter 21. A request counts when it has ended, so
 * that slow calls in flight are no sign of trouble; calls refused here count as requests, as in the
 * book.
 *
 * @throws TypeError or RangeError when an option is unknown or out of bounds.
 */
export function adaptiveThrottle(options: AdaptiveThrottleOptions = {}): AdaptiveThrottle {
  checkOptions('adaptiveThrottle', options, KNOWN);
  return new ClientThrottle(options);
}

const KNOWN = [
  'ratio',
  'window',
  'minPerSecond',
  'maxRejection',
  'isOverload',
  'name',
  'clock',
  'random',
];

/** What is remembered of a call while it runs: whether it has been counted already. */
interface Request {
  isCounted: boolean;
}

class ClientThrottle
  extends Admission<AdaptiveThrottleReason, AdaptiveThrottleSnapshot>
  implements AdaptiveThrottle
{
  readonly #ratio: number;
  readonly #fewest: number;
  readonly #maxRejection: number;
  readonly #window: RequestWindow;
  readonly #isOverload: ((error: unknown) => boolean) | undefined;
  readonly #random: () => number;

  constructor(options: AdaptiveThrottleOptions) {
    super('adaptive-throttle', options, ['throttled'], ['reject']);
    const { ratio = 2, window = 60_000, minPerSecond = 5, maxRejection = 0.9 } = options;
    const { isOverload, random = Math.random } = options;
    this.#ratio = checkNumber('adaptiveThrottle: ratio', ratio, { min: 1 });
    checkNumber('adaptiveThrottle: window', window, { above: 0 });
    checkNumber('adaptiveThrottle: minPerSecond', minPerSecond, { min: 0 });
    this.#maxRejection = checkRejection(maxRejection);
    if (isOverload !== undefined) checkFunction('adaptiveThrottle: isOverload', isOverload);
    this.#fewest = (minPerSecond * window) / 1_000;
    this.#window = new RequestWindow(window);
    this.#isOverload = isOverload;
    this.#random = checkFunction('adaptiveThrottle: random', random);
  }

  enter(attempt: Attempt): Request | typeof REFUSED {
    const rate = this.#rate(coarseNow(this.clock));
    if (rate > 0 && this.#chance() < rate) return attempt.refuse(this.#refusal(rate));
    return this.#admit();
  }

  success(_value: unknown, token: unknown): void {
    this.inFlight -= 1;
    this.#count(token as Request, 'accepted');
  }

  failure(error: unknown, token: unknown, attempt: Attempt, index: number): void {
    const request = token as Request;
    // First of all, so that nothing that throws can keep it.
    this.inFlight -= 1;
    if (request.isCounted) return;
    const verdict = judgeCall('adaptiveThrottle', this.#isOverload, error, attempt, index);
    this.#count(request, verdict);
  }

  /** A timeout further out is an answer that did not come, known now. */
  abort(reason: unknown, token: unknown): void {
    if (isOwnTimeout(reason)) this.#count(token as Request, 'overload');
  }

  tryAcquire(call?: CallOptions): Permit | Rejection {
    const rate = this.#rate(coarseNow(this.clock));
    if (rate > 0 && this.#chance() < rate) return rejection(this.#refusal(rate));
    const request = this.#admit();
    return new HeldPermit((outcome, value) => {
      this.inFlight -= 1;
      if (outcome === 'success') this.#count(request, 'accepted');
      if (outcome === 'failure') {
        this.#count(request, judgePermit('adaptiveThrottle', this.#isOverload, value, call));
      }
    });
  }

  /** Degraded while calls are refused. */
  snapshot(): AdaptiveThrottleSnapshot {
    const rejectionRate = this.#rate(this.clock.now());
    return {
      status: rejectionRate > 0 ? 'degraded' : 'up',
      counts: { admitted: this.admitted, rejected: this.snapshotRejected() },
      gauges: { rejectionRate, inFlight: this.inFlight },
    };
  }

  #admit(): Request {
    this.admitted += 1;
    this.inFlight += 1;
    return { isCounted: false };
  }

  #count(request: Request, verdict: Verdict): void {
    if (request.isCounted) return;
    request.isCounted = true;
    if (verdict !== 'nothing') this.#window.add(coarseNow(this.clock), verdict === 'accepted');
  }

  #rate(now: number): number {
    const window = this.#window;
    window.expire(now);
    const { requests } = window;
    if (requests === 0 || requests < this.#fewest) return 0;
    const rate = (requests - this.#ratio * window.accepts) / (requests + 1);
    return Math.min(this.#maxRejection, Math.max(0, rate));
  }

  /** The safe answer to a source of chance that throws: the call goes through. */
  #chance(): number {
    return chanceOf(this.#random, 'adaptiveThrottle: random', 1);
  }

  #refusal(rate: number): ReturnType<typeof this.reject> {
    this.#window.add(coarseNow(this.clock), false);
    return this.reject('throttled', `throttled (${Math.round(rate * 100)} % of calls are refused)`);
  }
}

function checkRejection(value: number): number {
  checkNumber('adaptiveThrottle: maxRejection', value, { min: 0 });
  if (value < 1) return value;
  throw new RangeError(`adaptiveThrottle: maxRejection must be >= 0 and < 1, got ${value}`);
}
