import type { Clock, Timer } from '../clock.ts';

/** Something with a moment at which its time is up: a node of a {@link DeadlineQueue}. */
export interface DeadlineNode {
  /** The moment, in monotonic milliseconds of the queue's clock. */
  expiresAt: number;
  /** The node that is due next; the queue's own. */
  queueNext: DeadlineNode | undefined;
  /** The node that is due before; the queue's own. */
  queuePrevious: DeadlineNode | undefined;
  /** Its time is up. It has left the queue already. */
  expire(): void;
}

/** How late a wake-up must be to say that the event loop was blocked. */
const STALL_MS = 15;

/**
 * Many deadlines, one timer. Nodes are kept in order of their moments; a policy's deadlines mostly
 * come in order, so adding looks at one node and removing at none. The timer is armed for the
 * earliest node and left alone when that one goes: it finds nothing due and arms itself anew.
 *
 * Never early: the clock is read again when the timer wakes. After a blocked event loop every
 * timer is late at once, while the answers wait unread: the queue then lets the loop read them
 * first. The timer keeps the process alive only while there are nodes, and never when `unref` is set.
 */
export class DeadlineQueue {
  readonly #clock: Clock;
  readonly #unref: boolean;
  #first: DeadlineNode | undefined;
  #last: DeadlineNode | undefined;
  #timer: Timer | undefined;
  #wakeAt = Infinity;
  #letLoopRun = true;

  constructor(clock: Clock, options: { readonly unref?: boolean } = {}) {
    this.#clock = clock;
    this.#unref = options.unref ?? false;
  }

  /** Puts a node in, by its moment. */
  add(node: DeadlineNode): void {
    let before = this.#last;
    while (before !== undefined && before.expiresAt > node.expiresAt) before = before.queuePrevious;
    const after = before === undefined ? this.#first : before.queueNext;
    node.queuePrevious = before;
    node.queueNext = after;
    if (after === undefined) this.#last = node;
    else after.queuePrevious = node;
    if (before === undefined) {
      const wasEmpty = this.#first === undefined;
      this.#first = node;
      if (node.expiresAt < this.#wakeAt) this.#arm(node.expiresAt, this.#clock.now());
      else if (wasEmpty && !this.#unref) this.#timer?.ref();
    } else {
      before.queueNext = node;
    }
  }

  /** Takes a node out; nothing happens when it is not in the queue. */
  remove(node: DeadlineNode): void {
    const { queueNext, queuePrevious } = node;
    if (queuePrevious === undefined && this.#first !== node) return;
    if (queueNext === undefined) this.#last = queuePrevious;
    else queueNext.queuePrevious = queuePrevious;
    if (queuePrevious === undefined) this.#first = queueNext;
    else queuePrevious.queueNext = queueNext;
    node.queueNext = undefined;
    node.queuePrevious = undefined;
    if (this.#first === undefined) this.#timer?.unref();
  }

  #arm(at: number, now: number): void {
    this.#timer?.cancel();
    this.#wakeAt = at;
    // Node rounds a delay down to whole milliseconds.
    this.#timer = this.#clock.setTimeout(this.#wake, Math.max(0, Math.ceil(at - now)));
    if (this.#unref) this.#timer.unref();
  }

  readonly #wake = (): void => {
    const now = this.#clock.now();
    const lateBy = now - this.#wakeAt;
    this.#timer = undefined;
    this.#wakeAt = Infinity;
    if (this.#first === undefined) {
      this.#letLoopRun = true;
      return;
    }
    if (lateBy > STALL_MS && this.#letLoopRun) {
      this.#letLoopRun = false;
      this.#arm(now, now);
      return;
    }
    this.#letLoopRun = true;
    for (let node = this.#first; node !== undefined && node.expiresAt <= now; node = this.#first) {
      this.remove(node);
      node.expire();
    }
    const first = this.#first as DeadlineNode | undefined;
    if (first !== undefined && first.expiresAt < this.#wakeAt) this.#arm(first.expiresAt, now);
  };
}
