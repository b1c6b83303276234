import { randomUUID } from 'node:crypto';
import { type Clock, systemClock } from '@fournines/core';
import { checkFunction, checkNumber, checkOptions, reportOnce } from '@fournines/core/authoring';
import { type FleetMessage, parseMessage } from './internal/fleet-message.ts';
import type { TripReport } from './trip-report.ts';

/** What a fleet needs of a Redis client: an ioredis client or cluster fits. */
export interface FleetRedis {
  /** GET. */
  get(key: string): Promise<string | null>;
  /** PTTL: the milliseconds that a key has left. */
  pttl(key: string): Promise<number>;
  /** DEL. */
  del(key: string): Promise<unknown>;
  /** SET with PX. */
  set(key: string, value: string, px: 'PX', ms: number): Promise<unknown>;
  /** SET with PX and NX: null when the key is there already. */
  set(key: string, value: string, px: 'PX', ms: number, nx: 'NX'): Promise<unknown>;
  /** PUBLISH. */
  publish(channel: string, message: string): Promise<unknown>;
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
  on(event: 'ready' | 'close' | 'error', listener: () => void): unknown;
  /** Ends the connection for good. */
  disconnect(): void;
}

/** Options of {@link fleet}. */
export interface FleetOptions {
  /** In front of every key and the channel. Default `fournines:breaker`. */
  readonly prefix?: string;
  /** How long Redis may take to say who probes, in milliseconds; then each process decides alone. > 0. Default 250. */
  readonly deadline?: number;
  /** Where time comes from. Default: the system's monotonic clock. */
  readonly clock?: Clock;
}

/** Shares the transitions of breakers of the same name between processes. */
export interface Fleet extends AsyncDisposable {
  /** Whether news of others arrive at this moment. While it is false every breaker goes on alone. */
  readonly isConnected: boolean;
  /** Ends the subscription; the breakers go on alone. The client that was given stays open. */
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

/** @internal A circuit, as the fleet sees it. */
export interface FleetMember {
  readonly name: string;
  openedElsewhere(opening: FleetOpening): void;
  closedElsewhere(): void;
}

/** @internal The fleet, as a circuit sees it. */
export interface FleetSeat {
  /** How long a lease may take, in milliseconds. */
  readonly deadline: number;
  opened(opening: FleetOpening): void;
  closed(): void;
  /** Asks to be the one that probes: 0 = yes (also when Redis is gone), else how long another one may take. */
  lease(ms: number): Promise<number>;
  leave(): void;
}

/**
 * One process trips, all know: `circuitBreaker({ name: 'db', fleet: fleet(redis) })`. Calls never
 * wait for Redis: transitions are published and heard beside them, and when Redis is gone every
 * process goes on alone. One process at a time probes, by a lease.
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
  /** This process, so that it does not hear itself. */
  readonly #id: string = randomUUID();
  readonly #members = new Map<string, Set<FleetMember>>();
  readonly #subscriber: FleetSubscriber;
  #isConnected = false;
  #isClosed = false;

  constructor(redis: FleetRedis, prefix: string, deadline: number, clock: Clock) {
    this.#redis = redis;
    this.#prefix = prefix;
    this.#deadline = deadline;
    this.#clock = clock;
    this.#subscriber = redis.duplicate();
    this.#subscriber.on('message', (_channel, message) => this.#hear(message));
    this.#subscriber.on('error', () => {});
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
    void this.#catchUp(member);
    return {
      deadline: this.#deadline,
      opened: (opening) => this.#tellOpened(member, opening),
      closed: () => this.#tellClosed(member),
      lease: (ms) => this.#lease(member.name, ms),
      leave: () => {
        namesakes.delete(member);
        if (namesakes.size === 0) this.#members.delete(member.name);
      },
    };
  }

  close(): Promise<void> {
    this.#isClosed = true;
    this.#isConnected = false;
    this.#subscriber.disconnect();
    return Promise.resolve();
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

  async #catchUp(member: FleetMember): Promise<void> {
    const key = this.#stateKey(member.name);
    try {
      const [text, remaining] = await Promise.all([this.#redis.get(key), this.#redis.pttl(key)]);
      const message = text === null ? undefined : parseMessage(text);
      if (message?.opening === undefined || message.by === this.#id || remaining <= 0) return;
      member.openedElsewhere({ ...message.opening, breakMs: remaining });
    } catch (error) {
      this.#goAlone(error);
    }
  }

  #hear(text: string): void {
    const message = parseMessage(text);
    if (message === undefined || message.by === this.#id || this.#isClosed) return;
    for (const member of [...(this.#members.get(message.name) ?? [])]) {
      if (message.opening === undefined) member.closedElsewhere();
      else member.openedElsewhere(message.opening);
    }
  }

  #tellOpened(member: FleetMember, opening: FleetOpening): void {
    if (this.#isClosed) return;
    const { error: _error, ...trip } = opening.trip;
    const message = this.#message(member.name, { ...opening, trip });
    const ms = Math.ceil(Math.min(Math.max(1, opening.breakMs), Number.MAX_SAFE_INTEGER));
    const sent = [
      this.#redis.publish(this.#prefix, message),
      this.#redis.set(this.#stateKey(member.name), message, 'PX', ms),
    ];
    Promise.all(sent).catch((error: unknown) => this.#goAlone(error));
  }

  #tellClosed(member: FleetMember): void {
    if (this.#isClosed) return;
    const sent = [
      this.#redis.publish(this.#prefix, this.#message(member.name, undefined)),
      this.#redis.del(this.#stateKey(member.name)),
    ];
    Promise.all(sent).catch((error: unknown) => this.#goAlone(error));
  }

  #lease(name: string, ms: number): Promise<number> {
    if (this.#isClosed) return Promise.resolve(0);
    return new Promise((resolve) => {
      const timer = this.#clock.setTimeout(() => resolve(0), this.#deadline);
      timer.unref();
      this.#askForLease(`${this.#prefix}:probe:${name}`, Math.ceil(ms))
        .catch((error: unknown) => {
          this.#goAlone(error);
          return 0;
        })
        .then(
          (wait) => {
            timer.cancel();
            resolve(wait);
          },
          resolve.bind(undefined, 0),
        );
    });
  }

  async #askForLease(key: string, ms: number): Promise<number> {
    if ((await this.#redis.set(key, this.#id, 'PX', ms, 'NX')) !== null) return 0;
    const [holder, remaining] = await Promise.all([this.#redis.get(key), this.#redis.pttl(key)]);
    return holder === this.#id || holder === null ? 0 : Math.max(1, remaining);
  }

  #message(name: string, opening: FleetOpening | undefined): string {
    const message: FleetMessage = { by: this.#id, name, ...(opening ? { opening } : {}) };
    return JSON.stringify(message);
  }

  #stateKey(name: string): string {
    return `${this.#prefix}:state:${name}`;
  }

  #goAlone(error: unknown): void {
    if (!this.#isClosed) reportOnce(this, 'fleet: Redis', error);
  }
}
