import type { CallOptions, CommonOptions, Event, Permit, Rejection } from '@fournines/core';
import {
  type Attempt,
  type REFUSED,
  checkFunction,
  checkNumber,
  checkOneOf,
  checkOptions,
} from '@fournines/core/authoring';
import { Admission, HeldPermit, rejection } from './internal/admission.ts';
import { Aimd } from './internal/aimd.ts';
import type { Concurrency } from './internal/concurrency.ts';
import { Gradient } from './internal/gradient.ts';
import { isOwnTimeout } from './internal/overload.ts';
import { type Verdict, judgePermit, judgeCall } from './internal/verdict.ts';
import type { ChangingLimiter, LimitChangeEvent, LimiterSnapshot } from './limiter.ts';

/** Options of {@link adaptiveLimit}. */
export interface AdaptiveLimitOptions extends CommonOptions {
  /**
   * How the limit is found. `aimd` learns from overload alone: one more per round trip while calls
   * go well, a tenth less when they time out or are refused (RFC 5681). `gradient` learns from
   * durations, before anything fails: it finds the concurrency above which calls only wait for each
   * other. Default `aimd`.
   */
  readonly algorithm?: 'aimd' | 'gradient';
  /** The limit at the start, from `min` to `max`. An integer. Default 20, or the nearer bound. */
  readonly initial?: number;
  /** The limit never goes below. An integer ≥ 1. Default 5, or `max` where that is less. */
  readonly min?: number;
  /** The limit never goes above. An integer ≥ `min`. Default 1 000, or `min` where that is more. */
  readonly max?: number;
  /**
   * Which errors say that the callee is overloaded. Default: timeouts, and refusals for want of
   * room (HTTP 429, 503, 504, 529 and their like). Not asked about the caller's own abort and about
   * refusals of policies further in, which say nothing. One that throws says yes.
   */
  readonly isOverload?: (error: unknown) => boolean;
  /** Chance, in [0, 1): it spreads the probes of many instances. Default `Math.random`. */
  readonly random?: () => number;
}

/** Why an adaptive limit refuses: as many calls run as it allows. */
export type AdaptiveLimitReason = 'full';

/** A concurrency limit that finds itself. */
export interface AdaptiveLimit extends ChangingLimiter<AdaptiveLimitReason> {}

/**
 * Limits how many calls run at once to what the callee can take, and finds that number by itself.
 * Refuses at once when it is reached. A slot is given back when the call itself has ended; a
 * timeout further out is learned from at the moment it aborts the call.
 *
 * @throws TypeError or RangeError when an option is unknown or out of bounds.
 */
export function adaptiveLimit(options: AdaptiveLimitOptions = {}): AdaptiveLimit {
  checkOptions('adaptiveLimit', options, KNOWN);
  const algorithm = checkOneOf('adaptiveLimit: algorithm', options.algorithm ?? 'aimd', [
    'aimd',
    'gradient',
  ]);
  const { isOverload, random = Math.random } = options;
  const min = options.min ?? Math.min(5, options.max ?? 5);
  checkNumber('adaptiveLimit: min', min, { min: 1, integer: true });
  const max = options.max ?? Math.max(1_000, min);
  checkNumber('adaptiveLimit: max', max, { min, integer: true });
  const initial = options.initial ?? Math.min(max, Math.max(min, 20));
  checkNumber('adaptiveLimit: initial', initial, { min, max, integer: true });
  if (isOverload !== undefined) checkFunction('adaptiveLimit: isOverload', isOverload);
  checkFunction('adaptiveLimit: random', random);
  const bounds = { initial, min, max };
  const concurrency = algorithm === 'aimd' ? new Aimd(bounds) : new Gradient(bounds, random);
  return new SelfFindingLimit(options, concurrency, isOverload);
}

const KNOWN = ['algorithm', 'initial', 'min', 'max', 'isOverload', 'name', 'clock', 'random'];

/** What is remembered of a call while it runs. */
interface Admitted {
  readonly number: number;
  /** NaN when it is not timed. */
  readonly startedAt: number;
  /** Whether it has been learned from already. */
  isKnown: boolean;
}

class SelfFindingLimit
  extends Admission<AdaptiveLimitReason, LimiterSnapshot<AdaptiveLimitReason>>
  implements AdaptiveLimit
{
  readonly #concurrency: Concurrency;
  readonly #isOverload: ((error: unknown) => boolean) | undefined;
  #limit: number;

  readonly onLimitChange: Event<LimitChangeEvent> = this.limitChanges();

  constructor(
    options: CommonOptions,
    concurrency: Concurrency,
    isOverload: ((error: unknown) => boolean) | undefined,
  ) {
    super('adaptive-limit', options, ['full'], ['reject', 'limit-change']);
    this.#concurrency = concurrency;
    this.#isOverload = isOverload;
    this.#limit = Math.floor(concurrency.limit);
  }

  enter(attempt: Attempt): Admitted | typeof REFUSED {
    if (this.inFlight >= this.#limit) return attempt.refuse(this.#refusal());
    return this.#admit();
  }

  success(_value: unknown, token: unknown): void {
    this.inFlight -= 1;
    this.#learn(token as Admitted, 'accepted');
  }

  failure(error: unknown, token: unknown, attempt: Attempt, index: number): void {
    const admitted = token as Admitted;
    // First of all, so that nothing that throws can keep the slot.
    this.inFlight -= 1;
    if (admitted.isKnown) return;
    const verdict = judgeCall('adaptiveLimit', this.#isOverload, error, attempt, index);
    this.#learn(admitted, verdict, true);
  }

  /** A timeout further out is overload, known now and not when a callee that hangs gives up. The slot stays taken. */
  abort(reason: unknown, token: unknown): void {
    if (isOwnTimeout(reason)) this.#learn(token as Admitted, 'overload');
  }

  tryAcquire(call?: CallOptions): Permit | Rejection {
    if (this.inFlight >= this.#limit) return rejection(this.#refusal());
    const admitted = this.#admit();
    return new HeldPermit((outcome, value) => {
      this.inFlight -= 1;
      if (outcome === 'success') this.#learn(admitted, 'accepted');
      if (outcome === 'failure') {
        this.#learn(admitted, judgePermit('adaptiveLimit', this.#isOverload, value, call), true);
      }
    });
  }

  /** Degraded while the next call would be refused. */
  snapshot(): LimiterSnapshot<AdaptiveLimitReason> {
    return {
      status: this.inFlight < this.#limit ? 'up' : 'degraded',
      counts: { admitted: this.admitted, queued: 0, rejected: this.snapshotRejected() },
      gauges: { limit: this.#limit, inFlight: this.inFlight, queued: 0 },
    };
  }

  #admit(): Admitted {
    this.inFlight += 1;
    this.admitted += 1;
    const startedAt = this.#concurrency.wantsTime() ? this.clock.now() : Number.NaN;
    return { number: this.admitted, startedAt, isKnown: false };
  }

  /** An error that is no overload is the callee's answer, but often an early one: it is not timed. */
  #learn(admitted: Admitted, verdict: Verdict, isError = false): void {
    if (admitted.isKnown) return;
    admitted.isKnown = true;
    if (verdict === 'nothing') return;
    if (verdict === 'overload') {
      this.#concurrency.overloaded(admitted.number, this.admitted);
    } else {
      const isTimed = !isError && !Number.isNaN(admitted.startedAt);
      const now = isTimed ? this.clock.now() : Number.NaN;
      // With this call itself, until a moment ago.
      const inFlight = this.inFlight + 1;
      this.#concurrency.accepted(admitted.number, now - admitted.startedAt, inFlight, now);
    }
    const from = this.#limit;
    this.#limit = Math.floor(this.#concurrency.limit);
    if (from !== this.#limit) this.tellLimitChange(from, this.#limit);
  }

  #refusal(): ReturnType<typeof this.reject> {
    return this.reject('full', `full (${this.inFlight} running, limit ${this.#limit})`);
  }
}
