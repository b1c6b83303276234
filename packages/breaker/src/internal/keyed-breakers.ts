import type { Clock } from '@fournines/core';
import { coarseNow } from '@fournines/core/authoring';
import type { CircuitBreakerOptions } from '../options.ts';
import { Breaker } from './breaker.ts';
import type { CircuitHome } from './circuit-parts.ts';
import { LruList, type LruNode } from './lru.ts';

/** What the breakers of a group have in common. */
export interface KeyedBreakersOptions {
  /** The group's name. */
  readonly name: string;
  readonly clock: Clock;
  readonly maxKeys: number;
  readonly idleTtl: number;
  readonly maxOpenRatio: number;
}

interface Member extends LruNode {
  readonly key: string;
  readonly breaker: Breaker;
  /** Whether somebody outside may hold it. */
  isLent: boolean;
}

/**
 * The breakers of a group by key, in order of their last use: by key, or of the breaker itself,
 * which says so once in each tick of the coarse clock.
 *
 * A breaker that is dropped and that somebody may hold is kept by a weak reference: for as long as
 * somebody does, its key means it and no other, and it comes back when it is used.
 */
export class KeyedBreakers {
  readonly #options: KeyedBreakersOptions;
  readonly #members = new Map<string, Member>();
  readonly #order: LruList<Member> = new LruList<Member>();
  readonly #dropped = new Map<string, WeakRef<Member>>();
  readonly #collected = new FinalizationRegistry<string>((key) => {
    if (this.#dropped.get(key)?.deref() === undefined) this.#dropped.delete(key);
  });
  #open = 0;
  #hasOutgrown = false;

  constructor(options: KeyedBreakersOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#members.size;
  }

  /** Uses the breaker of a key, if there is one. */
  use(key: string): Breaker | undefined {
    const member = this.#members.get(key);
    if (member === undefined) return this.#comeBack(this.#dropped.get(key)?.deref());
    this.#order.use(member, coarseNow(this.#options.clock));
    return member.breaker;
  }

  /** Finds a breaker by key, or else by its name, to be given away. Is no use. */
  find(keyOrName: string): Breaker | undefined {
    const member = this.#members.get(keyOrName) ?? this.#dropped.get(keyOrName)?.deref();
    if (member !== undefined) return lend(member);
    for (const other of this.#members.values()) {
      if (other.breaker.name === keyOrName) return lend(other);
    }
    return undefined;
  }

  /** The breaker of a key, to be given away. */
  lend(key: string): void {
    const member = this.#members.get(key);
    if (member !== undefined) member.isLent = true;
  }

  /** All of them, least recently used first. */
  *inOrder(): Generator<Breaker, void, undefined> {
    for (
      let node = this.#order.oldest;
      node !== undefined;
      node = node.newer as Member | undefined
    ) {
      yield node.breaker;
    }
  }

  /** All of them, to be given away. */
  list(): Breaker[] {
    for (const member of this.#members.values()) member.isLent = true;
    return [...this.inOrder()];
  }

  /** Makes the breaker of a key. Throws what is wrong with its options. */
  add(key: string, options: CircuitBreakerOptions): Breaker {
    const { name: group, clock } = this.#options;
    const name = options.name ?? (key === '' ? group : key);
    let member: Member | undefined = undefined;
    const home: CircuitHome = {
      fleetName: `${group}/${key}`,
      mayOpen: () => this.#mayOpen(),
      count: (change) => {
        this.#open += change;
      },
      used: () => this.#used(member),
    };
    const breaker = new Breaker({ clock, ...options, name }, home);
    // The function that gave the options may have made the same key's breaker itself.
    const known = this.use(key);
    if (known !== undefined) {
      breaker.circuit.leaveFleet();
      return known;
    }
    member = { key, breaker, isLent: false, usedAt: 0, older: undefined, newer: undefined };
    this.#enter(member);
    return breaker;
  }

  #mayOpen(): boolean {
    const { maxOpenRatio } = this.#options;
    return this.#open === 0 || (this.#open + 1) / this.#members.size <= maxOpenRatio;
  }

  /** A breaker was used, perhaps by somebody who has held it since it was dropped. */
  #used(member: Member | undefined): void {
    if (member === undefined) return;
    if (this.#members.get(member.key) === member) {
      this.#order.use(member, coarseNow(this.#options.clock));
    } else this.#comeBack(member);
  }

  #comeBack(member: Member | undefined): Breaker | undefined {
    if (member === undefined) return undefined;
    this.#dropped.delete(member.key);
    this.#collected.unregister(member);
    this.#enter(member);
    member.breaker.circuit.joinFleet();
    return member.breaker;
  }

  #enter(member: Member): void {
    const now = coarseNow(this.#options.clock);
    this.#makeRoom(now);
    this.#members.set(member.key, member);
    this.#order.use(member, now);
  }

  #makeRoom(now: number): void {
    const { maxKeys, idleTtl } = this.#options;
    let node = this.#order.oldest;
    while (node !== undefined) {
      const isFull = this.#members.size >= maxKeys;
      if (!isFull && now - node.usedAt < idleTtl) return;
      const newer = node.newer as Member | undefined;
      if (node.breaker.circuit.isIdle) this.#drop(node);
      node = newer;
    }
    if (this.#members.size >= maxKeys) this.#warnOnce();
  }

  #drop(member: Member): void {
    this.#order.remove(member);
    this.#members.delete(member.key);
    member.breaker.circuit.leaveFleet();
    if (!member.isLent) return;
    this.#dropped.set(member.key, new WeakRef(member));
    this.#collected.register(member, member.key, member);
  }

  #warnOnce(): void {
    if (this.#hasOutgrown) return;
    this.#hasOutgrown = true;
    const { name, maxKeys } = this.#options;
    const warning = new Error(
      `${name}: maxKeys ${maxKeys} is reached and every breaker is open or busy; it grows past that`,
    );
    warning.name = 'FourninesWarning';
    process.emitWarning(warning);
  }
}

function lend(member: Member): Breaker {
  member.isLent = true;
  return member.breaker;
}
