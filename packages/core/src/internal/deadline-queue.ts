import { type Clock, type Timer, timerSource } from '../clock.ts';
import { type DeadlineBucket, DeadlineHeap } from './deadline-heap.ts';

/** Something with a moment at which its time is up: a node of a {@link DeadlineQueue}. */
export interface DeadlineNode {
  /** The moment, in monotonic milliseconds of the queue's clock. */
  expiresAt: number;
  /** The node that is due next; the queue's own. */
  queueNext: DeadlineNode | undefined;
  /** The node that is due before; the queue's own. */
  queuePrevious: DeadlineNode | undefined;
  /** Its millisecond, when it came out of order; the queue's own. */
  queueBucket: DeadlineBucket | undefined;
  /** Its time is up. It has left the queue already. */
  expire(): void;
}

/** How late a wake-up must be to say that the event loop was blocked. */
const STALL_MS = 15;

/** How many nodes at the end of the list a new one is compared with. */
const LONGEST_WALK = 8;

/**
 * Many deadlines, one timer. A policy's deadlines mostly come in order: those are kept in a list,
 * to which adding looks at one node and removing at none. What would have to go far into the list
 * is kept in a heap instead, so that wildly different durations do not cost a walk. The timer is armed for the earliest node and left alone when that one goes: it finds nothing due and
 * arms itself anew.
 *
 * Never early: the clock is read again when the timer wakes. After a blocked event loop every
 * timer is late at once, while the answers wait unread: the queue then lets the loop read them
 * first. The timer keeps the process alive only while there are nodes, and never when `unref` is set.
 */
export class DeadlineQueue {
  readonly #clock: Clock;
  readonly #unref: boolean;
  readonly #heap: DeadlineHeap = new DeadlineHeap();
  #first: DeadlineNode | undefined;
  #last: DeadlineNode | undefined;
  #timer: Timer | undefined;
  /** Where the timer came from. */
  #source: unknown;
  /** When the timer wakes; while there are nodes, not after the earliest. */
  #wakeAt = Infinity;
  /** When the clock was read last. */
  #readAt = 0;
  #letLoopRun = true;

  constructor(clock: Clock, options: { readonly unref?: boolean } = {}) {
    this.#clock = clock;
    this.#unref = options.unref ?? false;
  }

  /** Puts a node in, by its moment. */
  add(node: DeadlineNode): void {
    if (this.#timer !== undefined && timerSource(this.#clock) !== this.#source) this.#disarm();
    const isNext = node.expiresAt < this.#wakeAt;
    // First: where a clock throws, the node is not left behind.
    if (isNext) this.#arm(node.expiresAt, this.#clock.now());
    if (!this.#addToList(node)) this.#heap.add(node, this.#readAt);
    if (!isNext && !this.#unref && this.#isAlone(node)) this.#timer?.ref();
  }

  /** Takes a node out; nothing happens when it is not in the queue. */
  remove(node: DeadlineNode): void {
    const bucket = node.queueBucket;
    if (bucket !== undefined) this.#heap.remove(node, bucket);
    else if (!this.#removeFromList(node)) return;
    if (this.#isEmpty()) this.#timer?.unref();
  }

  // A method: reading a private accessor is a call into the runtime.
  #isEmpty(): boolean {
    return this.#first === undefined && this.#heap.first === undefined;
  }

  #isAlone(node: DeadlineNode): boolean {
    return this.#first === node && this.#last === node && this.#heap.first === undefined;
  }

  /** Whether that which is to be looked at first is in the heap. */
  #isHeapDue(): boolean {
    const listed = this.#first;
    return listed === undefined || this.#heap.firstAt < listed.expiresAt;
  }

  /** When a node is to be looked at next; Infinity when there is none. */
  #nextAt(): number {
    return this.#isHeapDue() ? this.#heap.firstAt : (this.#first?.expiresAt ?? Infinity);
  }

  /** False: its place is too far from the end. */
  #addToList(node: DeadlineNode): boolean {
    let before = this.#last;
    for (let left = LONGEST_WALK; before !== undefined && before.expiresAt > node.expiresAt;) {
      if (left === 0) return false;
      left -= 1;
      before = before.queuePrevious;
    }
    const after = before === undefined ? this.#first : before.queueNext;
    node.queuePrevious = before;
    node.queueNext = after;
    if (before === undefined) this.#first = node;
    else before.queueNext = node;
    if (after === undefined) this.#last = node;
    else after.queuePrevious = node;
    return true;
  }

  /** False: it is not there. */
  #removeFromList(node: DeadlineNode): boolean {
    const { queueNext, queuePrevious } = node;
    if (queuePrevious === undefined && this.#first !== node) return false;
    if (queueNext === undefined) this.#last = queuePrevious;
    else queueNext.queuePrevious = queuePrevious;
    if (queuePrevious === undefined) this.#first = queueNext;
    else queuePrevious.queueNext = queueNext;
    node.queueNext = undefined;
    node.queuePrevious = undefined;
    return true;
  }

  #arm(at: number, now: number): void {
    this.#disarm();
    // Node rounds a delay down to whole milliseconds.
    const timer = this.#clock.setTimeout(this.#wake, Math.max(0, Math.ceil(at - now)));
    // Only now: a clock may throw.
    this.#timer = timer;
    this.#readAt = now;
    this.#wakeAt = at;
    this.#source = timerSource(this.#clock);
    if (this.#unref) timer.unref();
  }

  #disarm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#wakeAt = Infinity;
  }

  readonly #wake = (): void => {
    const now = this.#clock.now();
    this.#readAt = now;
    const lateBy = now - this.#wakeAt;
    this.#timer = undefined;
    this.#wakeAt = Infinity;
    if (this.#isEmpty()) {
      this.#letLoopRun = true;
      return;
    }
    if (lateBy > STALL_MS && this.#letLoopRun) {
      this.#letLoopRun = false;
      this.#arm(now, now);
      return;
    }
    this.#letLoopRun = true;
    // What is added meanwhile needs no timer of its own: one is armed when all that is due has gone.
    this.#wakeAt = -Infinity;
    try {
      this.#expireUntil(now);
    } finally {
      this.#wakeAt = Infinity;
      const next = this.#nextAt();
      if (next < Infinity) this.#arm(next, now);
    }
  };

  #expireUntil(now: number): void {
    while (this.#nextAt() <= now) {
      if (this.#isHeapDue()) this.#expireBucket(this.#heap.first);
      else this.#expireNode(this.#first);
    }
  }

  /** One node of it: the bucket may be another one afterwards. */
  #expireBucket(bucket: DeadlineBucket | undefined): void {
    const node = bucket?.first;
    if (bucket === undefined || node === undefined) return;
    if (node.expiresAt <= bucket.at) return this.#expireNode(node);
    this.#heap.remove(node, bucket);
    this.#heap.add(node, bucket.at);
  }

  #expireNode(node: DeadlineNode | undefined): void {
    if (node === undefined) return;
    this.remove(node);
    node.expire();
  }
}
