import type { DeadlineNode } from './deadline-queue.ts';

/**
 * Deadlines in any order, the earliest at hand: a binary heap whose nodes know their places, so
 * that any of them leaves in logarithmic time. Nodes with equal moments leave in any order.
 */
export class DeadlineHeap {
  readonly #nodes: DeadlineNode[] = [];

  /** The node that is due first. */
  get first(): DeadlineNode | undefined {
    return this.#nodes[0];
  }

  add(node: DeadlineNode): void {
    this.#nodes.push(node);
    this.#rise(node, this.#nodes.length - 1);
  }

  /** Takes out a node that is in this heap. */
  remove(node: DeadlineNode): void {
    const place = node.queuePlace;
    node.queuePlace = -1;
    const last = this.#nodes.pop();
    if (last === undefined || last === node) return;
    // The last one fills the gap; it may belong above it or below.
    this.#rise(last, place);
    if (last.queuePlace === place) this.#sink(last, place);
  }

  /** Puts a node at a free place, or above it. */
  #rise(node: DeadlineNode, place: number): void {
    let free = place;
    while (free > 0) {
      const parentPlace = (free - 1) >> 1;
      const parent = this.#nodes[parentPlace];
      if (parent === undefined || parent.expiresAt <= node.expiresAt) break;
      this.#put(parent, free);
      free = parentPlace;
    }
    this.#put(node, free);
  }

  /** Puts a node at a free place, or below it. */
  #sink(node: DeadlineNode, place: number): void {
    const nodes = this.#nodes;
    let free = place;
    for (;;) {
      const left = nodes[2 * free + 1];
      const right = nodes[2 * free + 2];
      const child =
        right !== undefined && left !== undefined && right.expiresAt < left.expiresAt
          ? right
          : left;
      if (child === undefined || child.expiresAt >= node.expiresAt) break;
      const childPlace = child.queuePlace;
      this.#put(child, free);
      free = childPlace;
    }
    this.#put(node, free);
  }

  #put(node: DeadlineNode, place: number): void {
    this.#nodes[place] = node;
    node.queuePlace = place;
  }
}
