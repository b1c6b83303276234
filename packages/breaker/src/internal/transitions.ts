import type { ComponentEvents } from '@fournines/core/authoring';
import type { CircuitBreakerEvent, StateChangeEvent, Transition } from '../events.ts';

const REMEMBERED = 16;

/**
 * The last transitions, and their delivery in order: a listener that moves the circuit itself
 * makes a transition that is told after the one it was hearing of.
 */
export class Transitions {
  readonly #events: ComponentEvents<CircuitBreakerEvent>;
  #recent: Transition[] | undefined;
  /** What is still to be told, while something is being told. */
  #waiting: StateChangeEvent[] | undefined;

  constructor(events: ComponentEvents<CircuitBreakerEvent>) {
    this.#events = events;
  }

  get recent(): readonly Transition[] {
    return [...(this.#recent ?? [])];
  }

  add(event: StateChangeEvent): void {
    const { at, wallAt, from, to, reason } = event;
    this.#recent ??= [];
    this.#recent.push({ at, wallAt, from, to, reason });
    if (this.#recent.length > REMEMBERED) this.#recent.shift();
    if (!this.#events.wants('state-change')) return;
    if (this.#waiting !== undefined) {
      this.#waiting.push(event);
      return;
    }
    const waiting = (this.#waiting = [event]);
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      this.#events.emit(next);
    }
    this.#waiting = undefined;
  }
}
