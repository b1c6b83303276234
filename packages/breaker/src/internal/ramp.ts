/** The lowest share of traffic that a ramp lets through. */
const START = 0.1;

/** Traffic that comes back step by step. It keeps the length that it began with. */
export class Ramp {
  readonly #from: number;
  readonly #ms: number;

  constructor(from: number, ms: number) {
    this.#from = from;
    this.#ms = ms;
  }

  isOver(now: number): boolean {
    return now - this.#from >= this.#ms;
  }

  /** The share of calls that may pass now. */
  share(now: number): number {
    return Math.max(START, (now - this.#from) / this.#ms);
  }
}
