/** Isolation by hand, counted: it lasts until all who asked for it have released it. */
export class Isolation {
  #holders = 0;
  /** Counts the times it was ended as a whole: a handle of before ends nothing later. */
  #endings = 0;
  /** What was said when it began. */
  note: string | undefined;

  get isActive(): boolean {
    return this.#holders > 0;
  }

  /** Returns what releases it; that returns whether it was the last. */
  hold(note: string | undefined): () => boolean {
    this.#holders += 1;
    this.note = note ?? this.note;
    const endings = this.#endings;
    let isHeld = true;
    return () => {
      if (!isHeld || endings !== this.#endings) return false;
      isHeld = false;
      this.#holders -= 1;
      if (this.#holders > 0) return false;
      this.note = undefined;
      return true;
    };
  }

  /** Ends it, whoever holds it. */
  end(): void {
    this.#holders = 0;
    this.#endings += 1;
    this.note = undefined;
  }
}
