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
  reportOnce,
} from '@fournines/core/authoring';
import type { CircuitBreaker } from './circuit-breaker.ts';
import type { Admission } from './internal/admission.ts';
import type { Breaker } from './internal/breaker.ts';
import { KeyedBreakers } from './internal/keyed-breakers.ts';
import { abandonAttempt, settleFailure } from './internal/stage-hooks.ts';
import { acquire } from './internal/two-step.ts';
import type { CircuitBreakerOptions } from './options.ts';

/** Options of {@link circuitBreakers}. */
export interface CircuitBreakersOptions extends CommonOptions {
  /** So many breakers are kept; then the one that was used least recently goes, never one that is open or busy. `for` is use, and so is every call through a breaker that it gave. An integer ≥ 1. Default 1 000. */
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
  /**
   * The breaker of a key; made when there is none. The same one for as long as somebody holds it.
   * Throws what the options' function throws.
   */
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

class Group extends StagedPolicy implements CircuitBreakers {
  readonly #options: (key: string) => CircuitBreakerOptions;
  readonly #breakers: KeyedBreakers;

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
    const { maxKeys = 1_000, idleTtl = 600_000, maxOpenRatio = 1 } = group;
    this.#breakers = new KeyedBreakers({
      name: this.name,
      clock: this.clock,
      maxKeys: checkNumber(`${where} maxKeys`, maxKeys, { min: 1, integer: true }),
      idleTtl: checkNumber(`${where} idleTtl`, idleTtl, { above: 0, infinity: true }),
      maxOpenRatio: checkNumber(`${where} maxOpenRatio`, maxOpenRatio, { above: 0, max: 1 }),
    });
  }

  get size(): number {
    return this.#breakers.size;
  }

  for(key: string): CircuitBreaker {
    if (typeof key !== 'string') throw noKey(key);
    const breaker = this.#breakers.use(key) ?? this.#breakers.add(key, this.#options(key));
    this.#breakers.lend(key);
    return breaker;
  }

  get(key: string): CircuitBreaker | undefined {
    return this.#breakers.find(key);
  }

  list(): CircuitBreaker[] {
    return this.#breakers.list();
  }

  resetAll(): void {
    for (const breaker of this.list()) breaker.reset();
  }

  *parts(): Iterable<Component> {
    yield* this.list() as unknown as Component[];
  }

  enter(attempt: Attempt): Admission | typeof REFUSED {
    const key: unknown = attempt.call?.key ?? '';
    if (typeof key !== 'string') return attempt.refuse(noKey(key));
    const { circuit } = this.#breakerOf(key);
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
    const key: unknown = call?.key ?? '';
    if (typeof key !== 'string') return keylessRejection(key);
    return acquire(this.#breakerOf(key).circuit, call);
  }

  /** `up` while all are, `down` when all are, else `degraded`. What they counted stands in their own snapshots. */
  snapshot(): Snapshot {
    const statuses = Array.from(this.#breakers.inOrder(), (breaker) => breaker.snapshot().status);
    if (statuses.every((status) => status === 'up')) return { status: 'up', counts: {} };
    const isDown = statuses.every((status) => status === 'down');
    return { status: isDown ? 'down' : 'degraded', counts: {} };
  }

  /** A function that gives no usable options leaves its key with the default ones. */
  #breakerOf(key: string): Breaker {
    const known = this.#breakers.use(key);
    if (known !== undefined) return known;
    try {
      return this.#breakers.add(key, this.#options(key));
    } catch (error) {
      reportOnce(this.#options, 'circuitBreakers: options', error);
      return this.#breakers.add(key, {});
    }
  }
}

function noKey(key: unknown): TypeError {
  return new TypeError(`circuitBreakers: key must be a string, got ${typeof key}`);
}

/** Types forbid such a key, so its error stands outside of theirs too. */
function keylessRejection(key: unknown): Rejection {
  return {
    granted: false,
    retryAfterMs: undefined,
    error: noKey(key) as unknown as Rejection['error'],
    [Symbol.dispose]: () => {},
  };
}
