import type { Socket } from 'node:net';
import { randomUUID } from 'node:crypto';
import { type Clock, systemClock } from '@fournines/core';
import { checkFunction, checkNumber, checkOptions, reportOnce } from '@fournines/core/authoring';
import { type FleetMessage, parseMessage } from './internal/fleet-message.ts';
import { type Age, FleetNews } from './internal/fleet-news.ts';
import { Seat } from './internal/fleet-seat.ts';
import type { TripReport } from './trip-report.ts';

/** What a fleet needs of a Redis client: an ioredis client or cluster fits. */
export interface FleetRedis {
  /** GET. */
  get(key: string): Promise<string | null>;
  /** PTTL: the milliseconds that a key has left. */
  pttl(key: string): Promise<number>;
  /** SET with PX and NX: null when the key is there already. */
  set(key: string, value: string, px: 'PX', ms: number, nx: 'NX'): Promise<unknown>;
  /** EVAL of a script on one key. */
  eval(script: string, keys: number, ...args: (string | number)[]): Promise<unknown>;
  /** Another connection, for the subscription. */
  duplicate(): FleetSubscriber;
}

/** What a fleet needs of the connection that listens. */
export interface FleetSubscriber {
  /** SUBSCRIBE. */
  subscribe(channel: string): Promise<unknown>;
  /** Calls the listener for each message. */
  on(event: 'message', listener: (channel: string, message: string) => void): unknown;
  /** Calls the listener when the connection is ready, lost, or broken. */
  on(event: 'connect' | 'ready' | 'close' | 'error', listener: () => void): unknown;
  /** Its socket once it is connected. It is unreferenced: news of others keep no process alive. */
  readonly stream?: Partial<Pick<Socket, 'unref'>> | undefined;
  /** Ends the connection for good. */
  disconnect(): void;
}

/** Options of {@link fleet}. */
export interface FleetOptions {
  /** In front of every key and the channel. Default `fournines:breaker`. */
  readonly prefix?: string;
  /**
   * How long Redis may take to say who probes, in milliseconds; then each process decides alone.
   * News that is older moves no circuit that has moved since. > 0. Default 250.
   */
  readonly deadline?: number;
  /** Where time comes from. Default: the system's monotonic clock. */
  readonly clock?: Clock;
}

/** Shares the transitions of breakers of the same name between processes. */
export interface Fleet extends AsyncDisposable {
  /** Whether news of others arrive at this moment. While it is false every breaker goes on alone. */
  readonly isConnected: boolean;
  /** Ends the subscription and gives back what probes had leased; the breakers go on alone. The client that was given stays open. */
  close(): Promise<void>;
  /** @internal */
  join(member: FleetMember): FleetSeat;
}

/** @internal What one circuit tells the others when it opens. */
export interface FleetOpening {
  readonly breakMs: number;
  readonly openings: number;
  readonly trip: TripReport;
}

/** @internal A circuit, as the fleet sees it. `ageMs`: how long ago it was; 0 for what is fresh. */
export interface FleetMember {
  readonly name: string;
  openedElsewhere(opening: FleetOpening, ageMs: number): void;
  closedElsewhere(ageMs: number): void;
}

/** @internal The fleet, as a circuit sees it. */
export interface FleetSeat {
  /** How long an answer may take, in milliseconds. */
  readonly deadline: number;
  /** Whether nobody is to be asked: no news of others arrive. */
  readonly isAlone: boolean;
  /** The time that leases are measured by. */
  now(): number;
  opened(opening: FleetOpening): void;
  closed(): void;
  /** Asks to be the one that probes: 0 = yes (also when Redis is gone), else how long another one may take. */
  lease(ms: number): Promise<number>;
  /** Holds the lease for so long from now; false when another one has it. */
  prolong(ms: number): Promise<boolean>;
  giveBack(): Promise<void>;
  leave(): void;
}

/**
 * One process trips, all know: `circuitBreaker({ name: 'db', fleet: fleet(redis) })`. Calls never
 * wait for Redis: transitions are published and heard beside them, and when Redis is gone every
 * process goes on alone. One process at a time probes, by a lease; the call that asks for it is
 * refused, the next one probes. Keeps no process alive (a cluster's connections do: close it).
 * Breakers of a group are called `<group>/<key>`: give a group the same `name` in every process.
 *
 * @param redis An ioredis client or cluster; a second connection is made from it.
 * @throws TypeError or RangeError for an option that is unknown or out of bounds.
 */
export function fleet(redis: FleetRedis, options: FleetOptions = {}): Fleet {
  checkOptions('fleet', options, ['prefix', 'deadline', 'clock']);
  const { prefix = 'fournines:breaker' } = options;
  if (typeof prefix !== 'string' || prefix === '') {
    throw new TypeError('fleet: prefix must be a non-empty string');
  }
  const deadline = checkNumber('fleet: deadline', options.deadline ?? 250, { above: 0 });
  const { clock = systemClock } = options;
  checkFunction('fleet: clock.setTimeout', clock.setTimeout);
  return new RedisFleet(redis, prefix, deadline, clock);
}

class RedisFleet implements Fleet {
  readonly #redis: FleetRedis;
  readonly #prefix: string;
  readonly #deadline: number;
  readonly #clock: Clock;
  readonly #news: FleetNews;
  /** This process, so that it does not hear itself. */
  readonly #id: string = randomUUID();
  readonly #members = new Map<string, Set<FleetMember>>();
  readonly #seats = new Set<Seat>();
  /** When that happened, by Redis' clock, which each member has heard of last. */
  readonly #heardOf = new WeakMap<FleetMember, number>();
  readonly #subscriber: FleetSubscriber;
  #joined = 0;
  #isConnected = false;
  #isClosed = false;

  constructor(redis: FleetRedis, prefix: string, deadline: number, clock: Clock) {
    this.#redis = redis;
    this.#prefix = prefix;
    this.#deadline = deadline;
    this.#clock = clock;
    this.#news = new FleetNews({
      redis,
      clock,
      channel: prefix,
      by: this.#id,
      deadline,
      keyOf: (name) => `${prefix}:state:${name}`,
    });
    this.#subscriber = redis.duplicate();
    this.#subscriber.on('message', (_channel, message) => void this.#hear(message));
    this.#subscriber.on('error', () => {});
    this.#subscriber.on('connect', () => this.#subscriber.stream?.unref?.());
    this.#subscriber.on('close', () => {
      this.#isConnected = false;
    });
    this.#subscriber.on('ready', () => void this.#subscribe());
    void this.#subscribe();
  }

  get isConnected(): boolean {
    return this.#isConnected;
  }

  join(member: FleetMember): FleetSeat {
    const namesakes = this.#members.get(member.name) ?? new Set<FleetMember>();
    this.#members.set(member.name, namesakes.add(member));
    void this.#catchUp(member, true);
    this.#joined += 1;
    const seat = new Seat(
      {
        redis: this.#redis,
        clock: this.#clock,
        deadline: this.#deadline,
        key: `${this.#prefix}:probe:${member.name}`,
        holder: `${this.#id}:${this.#joined}`,
        isAlone: () => !this.#isConnected,
        tell: (teller, opening) => this.#tell(teller, opening),
        leave: () => {
          this.#seats.delete(seat);
          namesakes.delete(member);
          if (namesakes.size === 0 && this.#members.get(member.name) === namesakes) {
            this.#members.delete(member.name);
          }
        },
        failed: (error) => this.#goAlone(error),
      },
      member,
    );
    this.#seats.add(seat);
    return seat;
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#isConnected = false;
    this.#subscriber.disconnect();
    await Promise.all(Array.from(this.#seats, (seat) => seat.giveBack()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** After every connection: what was said in between stands in the keys. */
  async #subscribe(): Promise<void> {
    try {
      await this.#subscriber.subscribe(this.#prefix);
    } catch {
      return;
    }
    if (this.#isClosed) return;
    this.#isConnected = true;
    const members = [...this.#members.values()].flatMap((namesakes) => [...namesakes]);
    await Promise.all(members.map((member) => this.#catchUp(member)));
  }

  /** What stands in the key is the truth, whatever was heard or missed; to who joins, a namesake's word too. */
  async #catchUp(member: FleetMember, joins = false): Promise<void> {
    try {
      const message = await this.#news.read(member.name);
      if (message === undefined || (message.by === this.#id && !joins)) return;
      const age = await this.#news.age(message);
      if (!this.#isClosed) this.#inform(member, message, age);
    } catch (error) {
      this.#goAlone(error);
    }
  }

  /** An opening that is heard late may have been taken back since, in words that are still to come. */
  async #hear(text: string): Promise<void> {
    const message = parseMessage(text);
    if (message === undefined || message.by === this.#id) return;
    const membersNow = (): FleetMember[] => [...(this.#members.get(message.name) ?? [])];
    if (membersNow().length === 0) return;
    try {
      const age = await this.#news.age(message);
      if (this.#isClosed) return;
      const { opening } = message;
      for (const member of membersNow()) {
        if (opening !== undefined && age.isLate) {
          void this.#catchUp(member);
        } else {
          const breakMs = Math.max(0, (opening?.breakMs ?? 0) - age.ms);
          const left = opening === undefined ? {} : { opening: { ...opening, breakMs } };
          this.#inform(member, { ...message, ...left }, age);
        }
      }
    } catch (error) {
      this.#goAlone(error);
    }
  }

  /** Words may overtake each other, as the key is read besides: an older one is no news. */
  #inform(member: FleetMember, { at, opening }: FleetMessage, { ms, isLate }: Age): void {
    if (at < (this.#heardOf.get(member) ?? -Infinity)) return;
    this.#heardOf.set(member, at);
    const ageMs = isLate ? ms : 0;
    if (opening === undefined) member.closedElsewhere(ageMs);
    else member.openedElsewhere(opening, ageMs);
  }

  /** Namesakes in this process at once; the others beside the call. A client may throw instead of rejecting. */
  #tell(teller: FleetMember, opening: FleetOpening | undefined): void {
    if (this.#isClosed) return;
    const { name } = teller;
    const told = this.#news.tell(name, opening, () => this.#isClosed);
    told.catch((error: unknown) => this.#goAlone(error));
    for (const member of [...(this.#members.get(name) ?? [])]) {
      if (member === teller) continue;
      if (opening === undefined) member.closedElsewhere(0);
      else member.openedElsewhere(opening, 0);
    }
  }

  #goAlone(error: unknown): void {
    if (!this.#isClosed) reportOnce(this, 'fleet: Redis', error);
  }
}
