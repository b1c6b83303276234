/** What waits: a node of a {@link WaitQueue}. */
export interface WaitNode {
  readonly priority: number;
  lane: Lane<WaitNode> | undefined;
  laneNext: WaitNode | undefined;
  lanePrevious: WaitNode | undefined;
}

/** The waiters of one priority, in order of arrival. */
export interface Lane<N> {
  readonly priority: number;
  first: N | undefined;
  last: N | undefined;
}

/**
 * Who waits, highest priority first and within a priority in order of arrival (or the other way
 * round). Each priority has a linked list: adding, taking and leaving are O(1) plus a binary search
 * among the priorities that wait at this moment, of which a service has a handful.
 */
export class WaitQueue<N extends WaitNode> {
  readonly #takesNewest: boolean;
  /** Lowest priority first, so that the lane that is served goes from the end. None is empty. */
  readonly #lanes: Lane<WaitNode>[] = [];
  #size = 0;

  constructor(order: 'fifo' | 'lifo') {
    this.#takesNewest = order === 'lifo';
  }

  get size(): number {
    return this.#size;
  }

  add(node: N): void {
    const lane = this.#laneOf(node.priority);
    node.lane = lane;
    node.lanePrevious = lane.last;
    if (lane.last === undefined) lane.first = node;
    else lane.last.laneNext = node;
    lane.last = node;
    this.#size += 1;
  }

  /** Takes out whose turn it is. */
  take(): N | undefined {
    const lane = this.#lanes.at(-1);
    const node = this.#takesNewest ? lane?.last : lane?.first;
    if (node !== undefined) this.remove(node as N);
    return node as N | undefined;
  }

  /** Takes a node out; returns whether it was waiting. */
  remove(node: N): boolean {
    const { lane, laneNext, lanePrevious } = node;
    if (lane === undefined) return false;
    if (laneNext === undefined) lane.last = lanePrevious;
    else laneNext.lanePrevious = lanePrevious;
    if (lanePrevious === undefined) lane.first = laneNext;
    else lanePrevious.laneNext = laneNext;
    node.lane = undefined;
    node.laneNext = undefined;
    node.lanePrevious = undefined;
    this.#size -= 1;
    if (lane.first === undefined) this.#lanes.splice(this.#placeOf(lane.priority), 1);
    return true;
  }

  #laneOf(priority: number): Lane<WaitNode> {
    const place = this.#placeOf(priority);
    const found = this.#lanes[place];
    if (found?.priority === priority) return found;
    const lane: Lane<WaitNode> = { priority, first: undefined, last: undefined };
    this.#lanes.splice(place, 0, lane);
    return lane;
  }

  /** Where the lane of `priority` is, or belongs. */
  #placeOf(priority: number): number {
    let low = 0;
    let high = this.#lanes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const lane = this.#lanes[middle];
      if (lane !== undefined && lane.priority < priority) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
