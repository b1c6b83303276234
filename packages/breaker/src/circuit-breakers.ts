import type {
  CallOptions,
  CommonOptions,
  Component,
  Permit,
  Policy,
  Rejection,
  Snapshot,
} from '@fournines/core';
import {
  type Attempt,
  type REFUSED,
  StagedPolicy,
  checkFunction,
  checkNumber,
  checkOptions,
  coarseNow,
  reportOnce,
} from '@fournines/core/authoring';
import type { CircuitBreaker } from './circuit-breaker.ts';
import type { Admission } from './internal/admission.ts';
import { Breaker } from './internal/breaker.ts';
import type { OpenGate } from './internal/circuit-parts.ts';
import { LruList, type LruNode } from './internal/lru.ts';
import { abandonAttempt, settleFailure } from './internal/stage-hooks.ts';
import { acquire } from './internal/two-step.ts';
import type { CircuitBreakerOptions } from './options.ts';

/** Options of {@link circuitBreakers}. */
export interface CircuitBreakersOptions extends CommonOptions {
  /** So many breakers are kept; then the one that was used least recently goes, never one that is open or busy. An integer ≥ 1. Default 1 000. */
  readonly maxKeys?: number;
  /** A closed breaker goes after this many milliseconds without a call, when room is made. > 0; Infinity keeps it. Default 600 000. */
  readonly idleTtl?: number;
  /**
   * At most this share of the breakers may be open at the same time, one in any case: when all seem
   * down, it is probably us. > 0 and ≤ 1. Default 1: all.
   */
  readonly maxOpenRatio?: number;
}

/** What the action `reset` answers. */
export interface ResetResult {
  /** The names of the breakers that were reset. */
  readonly reset: readonly string[];
}

/** Breakers by key: a registry, and itself a policy that reads the call's `key`. */
export interface CircuitBreakers extends Policy {
  /** How many there are. */
  readonly size: number;
  /** The breaker of a key; made when there is none. Throws what the options' function throws. */
  for(key: string): CircuitBreaker;
  /** The breaker of a key, by the key or by the breaker's name; undefined when there is none. Makes none. */
  get(key: string): CircuitBreaker | undefined;
  /** All of them, least recently used first. */
  list(): CircuitBreaker[];
  /** Resets all of them. */
  resetAll(): void;
  /** As {@link CircuitBreaker.tryAcquire}, for the breaker of the call's `key`. */
  tryAcquire(call?: CallOptions): Permit | Rejection;
  /** The breakers as components. */
  parts(): Iterable<Component>;
  /** What an operator may do: `reset` all, or the one with the given `name`. */
  readonly actions: Readonly<
    Record<'reset', (input: Readonly<Record<string, unknown>>) => ResetResult>
  >;
}

/**
 * One breaker per key (a tenant, a host, a model): `CallOptions.key` says which, `''` without one.
 * As a registry, `for` makes and `get` only finds.
 *
 * @param options The options of a key's breaker. Its `name` defaults to the key, or to the group's name.
 * @throws TypeError or RangeError for an option that is unknown or out of bounds.
 */
export function circuitBreakers(
  options: (key: string) => CircuitBreakerOptions,
  group: CircuitBreakersOptions = {},
): CircuitBreakers {
  checkFunction('circuitBreakers: options', options);
  checkOptions('circuitBreakers', group, ['name', 'clock', 'maxKeys', 'idleTtl', 'maxOpenRatio']);
  return new Group(options, group);
}

interface Member extends LruNode {
  readonly key: string;
  readonly breaker: Breaker;
}

class Group extends StagedPolicy implements CircuitBreakers {
  readonly #options: (key: string) => CircuitBreakerOptions;
  readonly #maxKeys: number;
  readonly #idleTtl: number;
  readonly #members = new Map<string, Member>();
  readonly #order: LruList<Member> = new LruList<Member>();
  readonly #gate: OpenGate;
  #hasOutgrown = false;

  readonly actions: CircuitBreakers['actions'] = {
    reset: ({ name }) => {
      if (name === undefined) {
        this.resetAll();
        return { reset: this.list().map((breaker) => breaker.name) };
      }
      const breaker = typeof name === 'string' ? this.get(name) : undefined;
      breaker?.reset();
      return { reset: breaker === undefined ? [] : [breaker.name] };
    },
  };

  constructor(options: (key: string) => CircuitBreakerOptions, group: CircuitBreakersOptions) {
    super('circuit-breakers', group);
    this.#options = options;
    const where = 'circuitBreakers:';
    this.#maxKeys = checkNumber(`${where} maxKeys`, group.maxKeys ?? 1_000, {
      min: 1,
      integer: true,
    });
    this.#idleTtl = checkNumber(`${where} idleTtl`, group.idleTtl ?? 600_000, {
      above: 0,
      infinity: true,
    });
    const ratio = checkNumber(`${where} maxOpenRatio`, group.maxOpenRatio ?? 1, {
      above: 0,
      max: 1,
    });
    let open = 0;
    this.#gate = {
      mayOpen: () => open === 0 || (open + 1) / this.#members.size <= ratio,
      count: (change) => {
        open += change;
      },
    };
  }

  get size(): number {
    return this.#members.size;
  }

  for(key: string): CircuitBreaker {
    if (typeof key !== 'string') {
      throw new TypeError(`circuitBreakers: key must be a string, got ${typeof key}`);
    }
    const known = this.#members.get(key);
    if (known !== undefined) return known.breaker;
    return this.#add(key, this.#options(key));
  }

  get(key: string): CircuitBreaker | undefined {
    const known = this.#members.get(key)?.breaker;
    if (known !== undefined) return known;
    for (const { breaker } of this.#members.values()) if (breaker.name === key) return breaker;
    return undefined;
  }

  list(): CircuitBreaker[] {
    const breakers: CircuitBreaker[] = [];
    for (
      let node = this.#order.oldest;
      node !== undefined;
      node = node.newer as Member | undefined
    ) {
      breakers.push(node.breaker);
    }
    return breakers;
  }

  resetAll(): void {
    for (const breaker of this.list()) breaker.reset();
  }

  *parts(): Iterable<Component> {
    yield* this.list() as unknown as Component[];
  }

  enter(attempt: Attempt): Admission | typeof REFUSED {
    const { circuit } = this.#memberFor(attempt.call);
    return circuit.admit(attempt.call) ?? attempt.refuse(circuit.refusal);
  }

  success(value: unknown, token: unknown): void {
    (token as Admission).circuit.success(token as Admission, value);
  }

  failure(error: unknown, token: unknown, attempt: Attempt, index: number): void {
    settleFailure(token as Admission, error, attempt, index);
  }

  abort(reason: unknown, token: unknown, attempt: Attempt, index: number): void {
    abandonAttempt(token as Admission | undefined, reason, attempt, index);
  }

  tryAcquire(call?: CallOptions): Permit | Rejection {
    return acquire(this.#memberFor(call).circuit, call);
  }

  /** `up` while all are, `down` when all are, else `degraded`. What they counted stands in their own snapshots. */
  snapshot(): Snapshot {
    const statuses = this.list().map((breaker) => breaker.snapshot().status);
    if (statuses.every((status) => status === 'up')) return { status: 'up', counts: {} };
    const isDown = statuses.every((status) => status === 'down');
    return { status: isDown ? 'down' : 'degraded', counts: {} };
  }

  #memberFor(call: CallOptions | undefined): Breaker {
    const key = call?.key ?? '';
    const known = this.#members.get(key);
    if (known === undefined) return this.#addSafely(key);
    this.#order.use(known, coarseNow(this.clock));
    return known.breaker;
  }

  /** A function that gives no usable options leaves its key with the default ones. */
  #addSafely(key: string): Breaker {
    try {
      return this.#add(key, this.#options(key));
    } catch (error) {
      reportOnce(this.#options, 'circuitBreakers: options', error);
      return this.#add(key, {});
    }
  }

  #add(key: string, options: CircuitBreakerOptions): Breaker {
    const name = options.name ?? (key === '' ? this.name : key);
    const breaker = new Breaker({ clock: this.clock, ...options, name }, this.#gate);
    // The function may have made the same key's breaker itself.
    const known = this.#members.get(key);
    if (known !== undefined) return known.breaker;
    const now = coarseNow(this.clock);
    this.#makeRoom(now);
    const member: Member = { key, breaker, usedAt: now, older: undefined, newer: undefined };
    this.#members.set(key, member);
    this.#order.use(member, now);
    return breaker;
  }

  #makeRoom(now: number): void {
    let node = this.#order.oldest;
    while (node !== undefined) {
      const isFull = this.#members.size >= this.#maxKeys;
      if (!isFull && now - node.usedAt < this.#idleTtl) return;
      const newer = node.newer as Member | undefined;
      if (node.breaker.circuit.isIdle) {
        this.#order.remove(node);
        this.#members.delete(node.key);
        node.breaker.circuit.leaveFleet();
      }
      node = newer;
    }
    if (this.#members.size < this.#maxKeys || this.#hasOutgrown) return;
    this.#hasOutgrown = true;
    const warning = new Error(
      `${this.name}: maxKeys ${this.#maxKeys} is reached and every breaker is open or busy; it grows past that`,
    );
    warning.name = 'FourninesWarning';
    process.emitWarning(warning);
  }
}
