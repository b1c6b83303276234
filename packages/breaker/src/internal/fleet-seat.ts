import type { Clock } from '@fournines/core';
import type { FleetMember, FleetOpening, FleetRedis, FleetSeat } from '../fleet.ts';

/** Both change the lease only while it is the holder's: it may have ended on the way to Redis. */
const PROLONG = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
`;
const GIVE_BACK = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
`;

/** What a seat needs of its fleet. */
export interface SeatParts {
  readonly redis: FleetRedis;
  readonly clock: Clock;
  readonly deadline: number;
  /** The key of the lease. */
  readonly key: string;
  /** Who holds it: no other seat has the same. */
  readonly holder: string;
  isAlone(): boolean;
  tell(member: FleetMember, opening: FleetOpening | undefined): void;
  leave(): void;
  /** Redis failed. */
  failed(error: unknown): void;
}

/** One circuit's place in a fleet, with its lease in Redis. */
export class Seat implements FleetSeat {
  readonly #parts: SeatParts;
  readonly #member: FleetMember;
  #mayHold = false;

  constructor(parts: SeatParts, member: FleetMember) {
    this.#parts = parts;
    this.#member = member;
  }

  get deadline(): number {
    return this.#parts.deadline;
  }

  get isAlone(): boolean {
    return this.#parts.isAlone();
  }

  now(): number {
    return this.#parts.clock.now();
  }

  opened(opening: FleetOpening): void {
    this.#parts.tell(this.#member, opening);
  }

  closed(): void {
    this.#parts.tell(this.#member, undefined);
  }

  leave(): void {
    void this.giveBack();
    this.#parts.leave();
  }

  /** Resolves within the deadline: a Redis that fails or hangs makes nobody wait. */
  lease(ms: number): Promise<number> {
    this.#mayHold = true;
    return this.#inTime(this.#take(wholeMs(ms)), 0);
  }

  prolong(ms: number): Promise<boolean> {
    return this.#inTime(this.#prolong(wholeMs(ms)), true);
  }

  giveBack(): Promise<void> {
    if (!this.#mayHold) return Promise.resolve();
    this.#mayHold = false;
    return this.#inTime(this.#giveBack(), undefined);
  }

  async #take(ms: number): Promise<number> {
    const { redis, key, holder } = this.#parts;
    if ((await redis.set(key, holder, 'PX', ms, 'NX')) !== null) return 0;
    if (await this.#prolong(ms)) return 0;
    return Math.max(1, await redis.pttl(key));
  }

  async #prolong(ms: number): Promise<boolean> {
    const { redis, key, holder } = this.#parts;
    return (await redis.eval(PROLONG, 1, key, holder, ms)) === 1;
  }

  async #giveBack(): Promise<void> {
    const { redis, key, holder } = this.#parts;
    await redis.eval(GIVE_BACK, 1, key, holder);
  }

  #inTime<T>(answer: Promise<T>, otherwise: T): Promise<T> {
    const { clock, deadline, failed } = this.#parts;
    return new Promise((resolve) => {
      const timer = clock.setTimeout(() => resolve(otherwise), deadline);
      timer.unref();
      const settle = (value: T): void => {
        timer.cancel();
        resolve(value);
      };
      answer.then(settle, (error: unknown) => {
        failed(error);
        settle(otherwise);
      });
    });
  }
}

/** Redis takes whole milliseconds, at least one, and no Infinity. */
export function wholeMs(ms: number): number {
  return Math.ceil(Math.min(Math.max(1, ms), Number.MAX_SAFE_INTEGER));
}
