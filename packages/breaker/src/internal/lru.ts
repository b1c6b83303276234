/** A member of a {@link LruList}. */
export interface LruNode {
  usedAt: number;
  older: LruNode | undefined;
  newer: LruNode | undefined;
}

/** Members in order of their last use, the oldest first. Using one costs a few pointers. */
export class LruList<N extends LruNode> {
  oldest: N | undefined;
  #newest: N | undefined;

  use(node: N, now: number): void {
    node.usedAt = now;
    if (this.#newest === node) return;
    this.remove(node);
    node.older = this.#newest;
    if (this.#newest === undefined) this.oldest = node;
    else this.#newest.newer = node;
    this.#newest = node;
  }

  remove(node: N): void {
    const { older, newer } = node;
    if (older !== undefined) older.newer = newer;
    else if (this.oldest === node) this.oldest = newer as N | undefined;
    if (newer !== undefined) newer.older = older;
    else if (this.#newest === node) this.#newest = older as N | undefined;
    node.older = undefined;
    node.newer = undefined;
  }
}
