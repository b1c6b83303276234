import type { CallOptions, CommonOptions, Event, Permit, Rejection } from '@fournines/core';
import {
  type Attempt,
  DeadlineQueue,
  type PARKED,
  type REFUSED,
  checkNumber,
  checkOneOf,
  checkOptions,
} from '@fournines/core/authoring';
import { Admission, HeldPermit, rejection } from './internal/admission.ts';
import { WaitQueue } from './internal/wait-queue.ts';
import { Waiter } from './internal/waiter.ts';
import type { ChangingLimiter, LimitChangeEvent, LimiterSnapshot } from './limiter.ts';

/** Options of {@link bulkhead}. */
export interface BulkheadOptions extends CommonOptions {
  /** How many calls run at once. An integer ≥ 1. */
  readonly maxConcurrent: number;
  /** How many calls may wait for a slot. An integer ≥ 0, or Infinity. Default 0: nothing waits. */
  readonly maxQueue?: number;
  /**
   * How long a call may wait, in milliseconds, > 0. Default Infinity: as long as the call's own
   * timeout and abort allow.
   */
  readonly maxWait?: number;
  /**
   * Who of equal priority is next: `fifo`, the one that has waited longest, or `lifo`, the one that
   * came last. Under lasting overload `lifo` serves some callers in time where `fifo` makes all of
   * them late. Default `fifo`.
   */
  readonly order?: 'fifo' | 'lifo';
}

/** Why a bulkhead refuses: no slot and no place in the queue, or a wait that lasted too long. */
export type BulkheadReason = 'full' | 'max-wait';

/** A limit on how many calls run at once. */
export interface Bulkhead extends ChangingLimiter<BulkheadReason> {
  /**
   * Changes how many calls run at once. More: calls that wait start at once. Fewer: running calls
   * go on, and none starts until enough of them have ended.
   *
   * @throws TypeError or RangeError when it is no integer ≥ 1.
   */
  resize(maxConcurrent: number): void;
}

/**
 * Lets at most `maxConcurrent` calls run at once, and at most `maxQueue` wait. Calls of a higher
 * `CallOptions.priority` go first; it orders the queue and displaces nobody. A slot is given back
 * when the call itself has ended, also when a timeout further out answered the caller earlier: so
 * the limit holds. A call that is aborted while it waits leaves at once and was never started.
 *
 * @throws TypeError or RangeError when an option is missing, unknown or out of bounds.
 */
export function bulkhead(options: BulkheadOptions): Bulkhead {
  checkOptions('bulkhead', options, KNOWN);
  checkNumber('bulkhead: maxConcurrent', options.maxConcurrent, SLOTS);
  const { maxQueue = 0, maxWait = Infinity, order = 'fifo' } = options;
  checkNumber('bulkhead: maxQueue', maxQueue, { min: 0, integer: true, infinity: true });
  checkNumber('bulkhead: maxWait', maxWait, { above: 0, infinity: true });
  checkOneOf('bulkhead: order', order, ['fifo', 'lifo']);
  return new QueueingBulkhead(options, maxQueue, maxWait, order);
}

const KNOWN = ['maxConcurrent', 'maxQueue', 'maxWait', 'order', 'name', 'clock'];
const SLOTS = { min: 1, integer: true } as const;

class QueueingBulkhead
  extends Admission<BulkheadReason, LimiterSnapshot<BulkheadReason>>
  implements Bulkhead
{
  readonly #maxQueue: number;
  readonly #maxWait: number;
  readonly #queue: WaitQueue<Waiter>;
  readonly #deadlines: DeadlineQueue;
  #limit: number;
  #queued = 0;
  #isDraining = false;

  readonly onLimitChange: Event<LimitChangeEvent> = this.limitChanges();
  /** Only a call that waits does: parking it subscribes to the caller's signal. */
  readonly watchesCaller: boolean = false;

  constructor(options: BulkheadOptions, maxQueue: number, maxWait: number, order: 'fifo' | 'lifo') {
    super('bulkhead', options, ['full', 'max-wait'], ['reject', 'limit-change']);
    this.#limit = options.maxConcurrent;
    this.#maxQueue = maxQueue;
    this.#maxWait = maxWait;
    this.#queue = new WaitQueue(order);
    this.#deadlines = new DeadlineQueue(this.clock);
  }

  enter(attempt: Attempt, index: number): undefined | typeof REFUSED | typeof PARKED {
    if (this.#hasRoom()) {
      this.#admit();
      return undefined;
    }
    // An abort on the way in has not reached the hooks yet, and would find the call in no queue.
    if (attempt.isAborted(index)) return attempt.refuse(attempt.abortReason);
    if (this.#queue.size >= this.#maxQueue) return attempt.refuse(this.#refusal());
    const waiter = new Waiter(attempt, index, this.#onMaxWait);
    this.#queued += 1;
    this.#queue.add(waiter);
    if (this.#maxWait !== Infinity) {
      waiter.expiresAt = this.clock.now() + this.#maxWait;
      this.#deadlines.add(waiter);
    }
    return attempt.park(index, waiter);
  }

  success(): void {
    this.#release();
  }

  failure(): void {
    this.#release();
  }

  /** A call that waits leaves at once; one that runs keeps its slot until it has ended. */
  abort(reason: unknown, token: unknown): void {
    if (!(token instanceof Waiter) || !this.#queue.remove(token)) return;
    this.#deadlines.remove(token);
    token.fail(reason);
  }

  tryAcquire(_call?: CallOptions): Permit | Rejection {
    if (!this.#hasRoom()) return rejection(this.#refusal());
    this.#admit();
    return new HeldPermit(() => this.#release());
  }

  resize(maxConcurrent: number): void {
    checkNumber('bulkhead: maxConcurrent', maxConcurrent, SLOTS);
    const from = this.#limit;
    this.#limit = maxConcurrent;
    this.tellLimitChange(from, maxConcurrent);
    this.#drain();
  }

  /** Degraded while the next call would be refused. */
  snapshot(): LimiterSnapshot<BulkheadReason> {
    const queued = this.#queue.size;
    return {
      status: this.#hasRoom() || queued < this.#maxQueue ? 'up' : 'degraded',
      counts: {
        admitted: this.admitted,
        queued: this.#queued,
        rejected: this.snapshotRejected(),
      },
      gauges: { limit: this.#limit, inFlight: this.inFlight, queued },
    };
  }

  /** Those who wait come first: while slots are handed out, a slot each is theirs. */
  #hasRoom(): boolean {
    return this.inFlight + this.#queue.size < this.#limit;
  }

  #admit(): void {
    this.inFlight += 1;
    this.admitted += 1;
  }

  #release(): void {
    this.inFlight -= 1;
    if (this.#queue.size > 0) this.#drain();
  }

  /** Hands free slots to those who wait. A loop: a call that fails at once gives its slot back in here. */
  #drain(): void {
    if (this.#isDraining) return;
    this.#isDraining = true;
    try {
      while (this.inFlight < this.#limit) {
        const waiter = this.#queue.take();
        if (waiter === undefined) break;
        this.#deadlines.remove(waiter);
        const { attempt, index } = waiter;
        if (attempt.isAborted(index)) {
          // Aborted a moment ago by somebody whose other listeners run before ours.
          waiter.fail(attempt.abortReason);
        } else {
          this.#admit();
          attempt.resume(index, undefined);
        }
      }
    } finally {
      this.#isDraining = false;
    }
  }

  readonly #onMaxWait = (waiter: Waiter): void => {
    if (!this.#queue.remove(waiter)) return;
    waiter.fail(this.reject('max-wait', `no slot came free within ${this.#maxWait} ms`));
  };

  #refusal(): ReturnType<typeof this.reject> {
    return this.reject(
      'full',
      `full (${this.inFlight} of ${this.#limit} running, ${this.#queue.size} of ${this.#maxQueue} waiting)`,
    );
  }
}
