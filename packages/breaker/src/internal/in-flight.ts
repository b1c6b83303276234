import { Admission } from './admission.ts';
import type { Circuit } from './circuit.ts';

/**
 * The calls of one generation that are still running, by the tick in which they started. Starts
 * come in order, so a cursor separates those that are slow already from the others: looking for
 * newly slow calls costs constant time per tick, and no timer.
 */
export class InFlight {
  /** How many running calls are slow already. */
  overdue = 0;
  /** How many of those started after every call that has been answered. */
  unanswered = 0;
  /** When the next tick's calls may become slow. Infinity when none can. */
  nextDue: number = Infinity;
  #current: Admission | undefined;
  /** The latest start among the calls that have been answered. */
  #answeredUpTo = -Infinity;
  #cursor: Admission | undefined;
  #slowAfter: number;
  readonly #circuit: Circuit;
  readonly #generation: number;

  constructor(circuit: Circuit, generation: number, slowAfter: number) {
    this.#circuit = circuit;
    this.#generation = generation;
    this.#slowAfter = slowAfter;
  }

  /** Opens the list of the calls that start at `now`. */
  begin(now: number, stalled: number): Admission {
    const former = this.#current;
    const admission = new Admission(this.#circuit, this.#generation, now, stalled);
    if (former !== undefined && former.size === 0) this.#unlink(former);
    const last = former !== undefined && former.size > 0 ? former : former?.previous;
    admission.previous = last;
    if (last !== undefined) last.next = admission;
    if (this.#cursor === undefined) {
      this.#cursor = admission;
      this.nextDue = now + this.#slowAfter;
    }
    this.#current = admission;
    return admission;
  }

  /** Another threshold: every running call is looked at anew. */
  set slowAfter(slowAfter: number) {
    this.#slowAfter = slowAfter;
    this.overdue = 0;
    this.unanswered = 0;
    let first: Admission | undefined;
    for (let node = this.#current; node !== undefined; node = node.previous) {
      node.isOverdue = false;
      first = node;
    }
    this.#cursor = first;
    this.nextDue = first === undefined ? Infinity : first.startedAt + slowAfter;
  }

  /** A call is over, or judged; `isAnswered` where the dependency had the last word. */
  leave(admission: Admission, isAnswered: boolean): void {
    if (isAnswered && admission.startedAt > this.#answeredUpTo) this.#answered(admission);
    admission.size -= 1;
    if (admission.isOverdue) {
      this.overdue -= 1;
      if (admission.startedAt > this.#answeredUpTo) this.unanswered -= 1;
    }
    if (admission.size === 0 && admission !== this.#current) this.#unlink(admission);
  }

  /** Counts the calls that have become slow by `now`; `stalled` is the event loop's standstill so far. */
  lookForSlow(now: number, stalled: number): void {
    let cursor = this.#cursor;
    while (cursor !== undefined) {
      const age = now - cursor.startedAt - (stalled - cursor.stalledBefore);
      if (age < this.#slowAfter) {
        this.nextDue = now + this.#slowAfter - age;
        this.#cursor = cursor;
        return;
      }
      cursor.isOverdue = true;
      this.overdue += cursor.size;
      if (cursor.startedAt > this.#answeredUpTo) this.unanswered += cursor.size;
      cursor = cursor.next;
    }
    this.#cursor = undefined;
    this.nextDue = Infinity;
  }

  /** Whatever started before this one is not unanswered any more. */
  #answered(admission: Admission): void {
    const former = this.#answeredUpTo;
    this.#answeredUpTo = admission.startedAt;
    // Those that are overdue are the oldest; each tick is passed once.
    if (!admission.isOverdue) this.unanswered = 0;
    let node: Admission | undefined = this.unanswered === 0 ? undefined : admission;
    while (node !== undefined && node.startedAt > former) {
      this.unanswered -= node.size;
      node = node.previous;
    }
  }

  #unlink(admission: Admission): void {
    const { next, previous } = admission;
    if (this.#cursor === admission) {
      this.#cursor = next;
      this.nextDue = next === undefined ? Infinity : next.startedAt + this.#slowAfter;
    }
    if (next !== undefined) next.previous = previous;
    if (previous !== undefined) previous.next = next;
    admission.next = undefined;
  }
}
