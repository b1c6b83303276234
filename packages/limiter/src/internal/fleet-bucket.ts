import type { Clock } from '@fournines/core';
import { type DeadlineBucket, type DeadlineNode, DeadlineQueue } from '@fournines/core/authoring';
import { Gcra } from './gcra.ts';
import { type RedisScripts, takeRemotely } from './remote-gcra.ts';

/** What came of asking for one. */
export interface Answer {
  readonly isAdmitted: boolean;
  /** Who decided. */
  readonly by: 'redis' | 'local' | 'policy';
  /** When to come back, for a refusal. */
  readonly retryAfterMs: number;
}

/** How a fleet's bucket is reached. */
export interface FleetBucketOptions {
  readonly redis: RedisScripts;
  readonly key: string;
  readonly deadline: number;
  readonly onUnavailable: 'local' | 'admit' | 'reject';
  readonly localShare: number;
  readonly retryAfter: number;
  readonly clock: Clock;
}

/** What a bucket lets through. */
export interface Rate {
  readonly limit: number;
  readonly interval: number;
  readonly burst: number;
}

/**
 * The bucket in Redis, and who decides when Redis does not. An answer comes within the deadline:
 * when Redis fails or is late the substitute answers, and Redis is left alone for a while, so that
 * a dead one costs one call a deadline now and then, not every call.
 */
export class FleetBucket {
  readonly #options: FleetBucketOptions;
  readonly #deadlines: DeadlineQueue;
  readonly #local: Gcra;
  #rate: Rate;
  /** Until when Redis is left alone; −Infinity while it answers. */
  #awayUntil = -Infinity;

  constructor(options: FleetBucketOptions, rate: Rate) {
    this.#options = options;
    this.#rate = rate;
    this.#deadlines = new DeadlineQueue(options.clock);
    this.#local = new Gcra(...this.#localRate());
  }

  /** Whether Redis decides, as far as is known. */
  get isRemote(): boolean {
    return this.#awayUntil === -Infinity;
  }

  configure(rate: Rate): void {
    this.#rate = rate;
    this.#local.configure(...this.#localRate(), this.#options.clock.now());
  }

  /** Takes one. `then` is called once, later in this turn of the loop at the earliest. */
  take(then: (answer: Answer) => void): void {
    const { clock, redis, key, deadline, retryAfter } = this.#options;
    const now = clock.now();
    if (!this.isRemote) {
      if (now < this.#awayUntil) {
        queueMicrotask(() => then(this.#substitute()));
        return;
      }
      // This call tries Redis; until it knows, the others do not.
      this.#awayUntil = now + retryAfter;
    }
    const question = new Question(now + deadline, (answer) => {
      this.#deadlines.remove(question);
      then(answer ?? this.#missed());
    });
    this.#deadlines.add(question);
    const { limit, interval, burst } = this.#rate;
    ask(redis, key, interval / limit, burst).then(
      (retryAfterMs) => {
        if (question.isAnswered) return;
        this.#awayUntil = -Infinity;
        question.answer({ isAdmitted: retryAfterMs === 0, by: 'redis', retryAfterMs });
      },
      () => question.answer(undefined),
    );
  }

  #missed(): Answer {
    this.#awayUntil = this.#options.clock.now() + this.#options.retryAfter;
    return this.#substitute();
  }

  #substitute(): Answer {
    const { clock, onUnavailable } = this.#options;
    const now = clock.now();
    if (onUnavailable === 'admit') return { isAdmitted: true, by: 'policy', retryAfterMs: 0 };
    if (onUnavailable === 'reject') {
      const retryAfterMs = Math.max(0, this.#awayUntil - now);
      return { isAdmitted: false, by: 'policy', retryAfterMs };
    }
    const retryAfterMs = this.#local.take(now);
    return { isAdmitted: retryAfterMs === 0, by: 'local', retryAfterMs };
  }

  #localRate(): [limit: number, interval: number, burst: number] {
    const { localShare } = this.#options;
    const { limit, interval, burst } = this.#rate;
    return [limit * localShare, interval, Math.max(1, Math.floor(burst * localShare))];
  }
}

/** A question to Redis, with the moment by which it wants an answer. */
class Question implements DeadlineNode {
  readonly expiresAt: number;
  queueNext: DeadlineNode | undefined = undefined;
  queuePrevious: DeadlineNode | undefined = undefined;
  queueBucket: DeadlineBucket | undefined = undefined;
  #then: ((answer: Answer | undefined) => void) | undefined;

  constructor(expiresAt: number, then: (answer: Answer | undefined) => void) {
    this.expiresAt = expiresAt;
    this.#then = then;
  }

  get isAnswered(): boolean {
    return this.#then === undefined;
  }

  /** The first answer counts. None: Redis has failed. */
  answer(answer: Answer | undefined): void {
    const then = this.#then;
    this.#then = undefined;
    then?.(answer);
  }

  expire(): void {
    this.answer(undefined);
  }
}

/** A client may throw instead of rejecting. */
async function ask(
  redis: RedisScripts,
  key: string,
  stepMs: number,
  burst: number,
): Promise<number> {
  return takeRemotely(redis, key, stepMs, burst);
}
