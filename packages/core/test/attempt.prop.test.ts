import { getEventListeners } from 'node:events';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Attempt, type Outcome, StagedPolicy } from '../src/authoring.ts';
import { type Snapshot, compose } from '../src/index.ts';
import { seededRandom } from '../src/testing.ts';
import { HELD, type REFUSED, settle } from './probe.ts';

/** What one entering of a stage has been told so far. */
interface Visit {
  readonly stage: string;
  /** Outcomes that must still come: 1 for the inside, and 1 for each repetition. */
  expected: number;
  isAnswered: boolean;
  isParked: boolean;
  isHolding: boolean;
  aborts: number;
  isOver: boolean;
}

/** The world of one random call: what may happen next, and what went wrong. */
class World {
  readonly random: () => number;
  readonly pending: (() => void)[] = [];
  readonly visits: Visit[] = [];
  readonly faults: string[] = [];
  /** What happened, for the message of a failure. */
  readonly trace: string[] = [];
  readonly caller = new AbortController();

  constructor(seed: number) {
    this.random = seededRandom(seed);
  }

  chance(p: number): boolean {
    return this.random() < p;
  }

  /** Whether a stage has answered: the caller may be served, and its abort concerns nobody then. */
  get isDetached(): boolean {
    return this.visits.some((visit) => visit.isAnswered);
  }

  /** Now, or at some later turn. */
  sometime(action: () => void): void {
    if (this.chance(0.2)) action();
    else this.pending.push(action);
  }

  async run(): Promise<void> {
    await settle();
    for (let turns = 0; this.pending.length > 0 && turns < 500; turns++) {
      const at = Math.floor(this.random() * this.pending.length);
      const [action] = this.pending.splice(at, 1);
      action?.();
      if (this.pending.length === 0 || this.chance(0.7)) await settle();
    }
    await settle();
  }
}

/** A stage that does, by chance, everything that a stage may do, and checks what it is told. */
class Chaotic extends StagedPolicy {
  readonly answersEarly = true;
  readonly repeats = true;
  readonly abortsInside: boolean;
  readonly #world: World;
  readonly #label: string;

  constructor(world: World, label: string) {
    super('chaotic', {});
    this.#world = world;
    this.#label = label;
    this.abortsInside = world.chance(0.5);
  }

  snapshot(): Snapshot {
    return { status: 'up', counts: {} };
  }

  enter(attempt: Attempt, index: number): unknown {
    const world = this.#world;
    if (attempt.isAborted(index) && !world.isDetached)
      this.#fault('entered after an abort from further out');
    world.trace.push(`${this.#label} enter`);
    if (world.chance(0.05)) world.caller.abort('caller');
    if (world.chance(0.1)) return attempt.refuse(new Error('refused')) satisfies typeof REFUSED;
    const visit: Visit = {
      stage: this.#label,
      expected: 1,
      isAnswered: false,
      isParked: false,
      isHolding: false,
      aborts: 0,
      isOver: false,
    };
    world.visits.push(visit);
    if (world.chance(0.25)) {
      world.sometime(() => {
        if (visit.isOver || visit.isAnswered || visit.isParked || visit.isHolding) return;
        world.trace.push(`${this.#label} answers`);
        visit.isAnswered = true;
        attempt.answer(index, world.chance(0.5), 'early');
        if (this.abortsInside) attempt.abortInside(index, 'inside');
      });
    }
    if (!world.chance(0.2)) return visit;
    world.trace.push(`${this.#label} parks`);
    visit.isParked = true;
    world.pending.push(() => {
      if (!visit.isParked) return;
      visit.isParked = false;
      world.trace.push(`${this.#label} unparks`);
      if (world.chance(0.7)) attempt.resume(index, visit);
      else this.#leave(visit, attempt, index, false);
    });
    return attempt.park(index, visit);
  }

  success(value: unknown, token: unknown, attempt: Attempt, index: number): void | typeof HELD {
    return this.#outcome(true, value, token as Visit, attempt, index);
  }

  failure(error: unknown, token: unknown, attempt: Attempt, index: number): void | typeof HELD {
    return this.#outcome(false, error, token as Visit, attempt, index);
  }

  abort(reason: unknown, token: unknown, attempt: Attempt, index: number): void {
    const visit = token as Visit;
    this.#world.trace.push(`${this.#label} abort ${String(reason)}`);
    if (visit === undefined) return this.#fault('aborted without a token');
    if (visit.isOver) this.#fault('aborted when over');
    if (visit.isAnswered) this.#fault('aborted after its answer');
    visit.aborts += 1;
    if (visit.aborts > 1) this.#fault('aborted twice');
    if (!attempt.isAborted(index)) this.#fault('aborted, and isAborted says no');
    if (reason !== attempt.abortReason && !this.#world.isDetached) {
      this.#fault('aborted with another reason');
    }
    if (visit.isParked || visit.isHolding) {
      visit.isParked = false;
      this.#leave(visit, attempt, index, false, reason);
    }
  }

  late(_outcome: Outcome, token: unknown): void {
    const visit = token as Visit;
    this.#world.trace.push(`${this.#label} late`);
    if (!visit.isAnswered) this.#fault('late without an answer');
    this.#count(visit);
    if (visit.expected === 0) visit.isOver = true;
  }

  #outcome(
    ok: boolean,
    outcome: unknown,
    visit: Visit,
    attempt: Attempt,
    index: number,
  ): void | typeof HELD {
    const world = this.#world;
    world.trace.push(`${this.#label} outcome ${ok} ${String(outcome)}`);
    if (visit === undefined) return this.#fault('an outcome without a token');
    if (visit.isOver) this.#fault('an outcome when over');
    if (visit.isAnswered) this.#fault('an outcome after its answer');
    if (visit.isParked) this.#fault('an outcome while parked');
    this.#count(visit);
    if (world.chance(0.3) && !attempt.isAborted(index)) {
      visit.isHolding = true;
      world.sometime(() => {
        if (!visit.isHolding) return;
        if (world.chance(0.5) && world.visits.length < 60) {
          visit.isHolding = false;
          visit.expected += 1;
          world.trace.push(`${this.#label} repeats`);
          attempt.repeat(index, attempt.number + 1);
        } else this.#leave(visit, attempt, index, ok, outcome);
      });
      return HELD;
    }
    if (world.chance(0.1)) {
      visit.isHolding = true;
      this.#leave(visit, attempt, index, !ok, outcome);
      return HELD;
    }
    visit.isOver = true;
    return undefined;
  }

  /** Carries a held or parked call outward. */
  #leave(visit: Visit, attempt: Attempt, index: number, ok: boolean, outcome?: unknown): void {
    this.#world.trace.push(`${this.#label} leaves ${ok}`);
    visit.isHolding = false;
    visit.isOver = true;
    if (ok) attempt.succeed(index, outcome);
    else attempt.fail(index, outcome);
  }

  #count(visit: Visit): void {
    visit.expected -= 1;
    if (visit.expected < 0) this.#fault('more outcomes than runs');
  }

  #fault(what: string): undefined {
    this.#world.faults.push(`${this.#label}: ${what}`);
    return undefined;
  }
}

test('every call settles once, and every entering of a stage is told of exactly what concerns it', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), async (seed) => {
      const world = new World(seed);
      const length = 1 + Math.floor(world.random() * 5);
      const stages = Array.from({ length }, (_, i) => new Chaotic(world, `stage ${i}`));
      let settled = 0;
      const call = compose(...stages).execute((context) => {
        const { signal } = context;
        world.trace.push('function');
        if (signal.aborted && !world.isDetached)
          world.faults.push('the function was called with an aborted signal');
        if (world.chance(0.1)) throw new Error('sync');
        if (world.chance(0.2)) return 'sync';
        return new Promise((resolve, reject) => {
          world.pending.push(() => (world.chance(0.5) ? resolve('ok') : reject(new Error('no'))));
        });
      }, world.caller.signal);
      call.then(
        () => (settled += 1),
        () => (settled += 1),
      );
      if (world.chance(0.3)) world.pending.push(() => world.caller.abort('caller'));
      await world.run();

      const open = world.visits.filter((visit) => !visit.isOver && !visit.isAnswered);
      const story = world.trace.join('\n');
      expect(world.faults, story).toEqual([]);
      expect(settled, story).toBe(1);
      expect(open, story).toEqual([]);
      expect(getEventListeners(world.caller.signal, 'abort')).toEqual([]);
    }),
    { numRuns: 3_000, endOnFailure: true },
  );
}, 60_000);
