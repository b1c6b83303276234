import type { Attempt, DeadlineBucket, DeadlineNode } from '@fournines/core/authoring';
import type { Lane, WaitNode } from './wait-queue.ts';

/** A call that waits for a slot: a node of the queue and, where the wait is bounded, of the deadlines. */
export class Waiter implements WaitNode, DeadlineNode {
  readonly attempt: Attempt;
  readonly index: number;
  readonly priority: number;
  readonly #onExpire: (waiter: Waiter) => void;

  lane: Lane<WaitNode> | undefined = undefined;
  laneNext: WaitNode | undefined = undefined;
  lanePrevious: WaitNode | undefined = undefined;

  expiresAt: number = Infinity;
  queueNext: DeadlineNode | undefined = undefined;
  queuePrevious: DeadlineNode | undefined = undefined;
  queueBucket: DeadlineBucket | undefined = undefined;

  constructor(attempt: Attempt, index: number, onExpire: (waiter: Waiter) => void) {
    this.attempt = attempt;
    this.index = index;
    this.priority = priorityOf(attempt);
    this.#onExpire = onExpire;
  }

  expire(): void {
    this.#onExpire(this);
  }

  /** Ends the call where it waits, in its own asynchronous context. */
  fail(error: unknown): void {
    this.attempt.inContext(() => this.attempt.fail(this.index, error));
  }
}

/** What is no number has no rank: it counts as 0. */
function priorityOf(attempt: Attempt): number {
  const priority: unknown = attempt.call?.priority;
  return typeof priority === 'number' && !Number.isNaN(priority) ? priority : 0;
}
