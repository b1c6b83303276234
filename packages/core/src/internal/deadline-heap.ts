import type { DeadlineNode } from './deadline-queue.ts';

/** Deadlines that are looked at together, in the order in which they came. */
export class DeadlineBucket {
  /** When: at the end of their millisecond, or, of those far ahead, before the first of them. */
  readonly at: number;
  /** Where it stands in the heap. */
  place = -1;
  /** The node that came first … */
  first: DeadlineNode | undefined = undefined;
  /** … and the one that came last. */
  last: DeadlineNode | undefined = undefined;

  constructor(at: number) {
    this.at = at;
  }
}

/** A bucket spans this share of the time that is left, or a millisecond: 2⁻⁸. */
const SHARE_BITS = 8;

/** What is left is measured up to here: 2³¹−1. */
const MAX_LEFT = 2_147_483_647;

/**
 * Deadlines in any order, the earliest at hand: a binary heap of buckets, each with a list of its
 * nodes. Thousands of deadlines share few buckets, so that a node mostly comes and goes without a
 * step through the heap. A bucket far ahead is wide; when its time has come, what is left of it is
 * put into finer ones: a timing wheel without the wheel (Varghese and Lauck, 1987).
 */
export class DeadlineHeap {
  readonly #heap: DeadlineBucket[] = [];
  readonly #byMoment: Map<number, DeadlineBucket> = new Map<number, DeadlineBucket>();

  /** The bucket that is to be looked at first. */
  get first(): DeadlineBucket | undefined {
    return this.#heap[0];
  }

  /** When that is; Infinity when there is none. */
  get firstAt(): number {
    const earliest = this.#heap[0];
    return earliest === undefined ? Infinity : earliest.at;
  }

  /** `now` may be some time ago: the node is then looked at once more before it is due. */
  add(node: DeadlineNode, now: number): void {
    const bucket = this.#bucketAt(bucketFor(node.expiresAt, now));
    const { last } = bucket;
    node.queueBucket = bucket;
    node.queuePrevious = last;
    if (last === undefined) bucket.first = node;
    else last.queueNext = node;
    bucket.last = node;
  }

  /** Takes a node out of its bucket. */
  remove(node: DeadlineNode, bucket: DeadlineBucket): void {
    const { queueNext, queuePrevious } = node;
    if (queuePrevious === undefined) bucket.first = queueNext;
    else queuePrevious.queueNext = queueNext;
    if (queueNext === undefined) bucket.last = queuePrevious;
    else queueNext.queuePrevious = queuePrevious;
    node.queueBucket = undefined;
    node.queueNext = undefined;
    node.queuePrevious = undefined;
    if (bucket.first === undefined) this.#drop(bucket);
  }

  #bucketAt(at: number): DeadlineBucket {
    const known = this.#byMoment.get(at);
    if (known !== undefined) return known;
    const bucket = new DeadlineBucket(at);
    this.#byMoment.set(at, bucket);
    this.#heap.push(bucket);
    this.#rise(bucket, this.#heap.length - 1);
    return bucket;
  }

  #drop(bucket: DeadlineBucket): void {
    this.#byMoment.delete(bucket.at);
    const last = this.#heap.pop();
    if (last === undefined || last === bucket) return;
    // The last one fills the gap; it may belong above it or below.
    const { place } = bucket;
    this.#rise(last, place);
    if (last.place === place) this.#sink(last, place);
  }

  /** Puts a bucket at a free place, or above it. */
  #rise(bucket: DeadlineBucket, place: number): void {
    let free = place;
    while (free > 0) {
      const parentPlace = (free - 1) >> 1;
      const parent = this.#heap[parentPlace];
      if (parent === undefined || parent.at <= bucket.at) break;
      this.#put(parent, free);
      free = parentPlace;
    }
    this.#put(bucket, free);
  }

  /** Puts a bucket at a free place, or below it. */
  #sink(bucket: DeadlineBucket, place: number): void {
    const heap = this.#heap;
    let free = place;
    for (;;) {
      const left = heap[2 * free + 1];
      const right = heap[2 * free + 2];
      const child = right !== undefined && left !== undefined && right.at < left.at ? right : left;
      if (child === undefined || child.at >= bucket.at) break;
      const childPlace = child.place;
      this.#put(child, free);
      free = childPlace;
    }
    this.#put(bucket, free);
  }

  #put(bucket: DeadlineBucket, place: number): void {
    this.#heap[place] = bucket;
    bucket.place = place;
  }
}

/** The end of the millisecond of a moment; if that is far ahead, the begin of a longer span around it. */
function bucketFor(moment: number, now: number): number {
  const left = Math.min(moment - now, MAX_LEFT);
  const bits = 31 - Math.clz32(left) - SHARE_BITS;
  if (bits <= 0) return Math.ceil(moment);
  const width = 1 << bits;
  return Math.floor(moment / width) * width;
}
