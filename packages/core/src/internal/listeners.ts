import type { IDisposable } from 'cockatiel';
import { reportOnce, reportRejection } from './report-once.ts';

/**
 * The listeners of one event. What a listener throws, or the promise that it returns rejects
 * with, is reported once and goes no further. Adding and removing while an event is delivered is
 * allowed and takes effect with the next event.
 */
export class Listeners<T> {
  readonly #role: string;
  #list: readonly ((event: T) => void)[] = [];

  constructor(role: string) {
    this.#role = role;
  }

  /** Whether nobody listens. */
  get isEmpty(): boolean {
    return this.#list.length === 0;
  }

  add(listener: (event: T) => void): IDisposable & Disposable {
    if (typeof listener !== 'function') {
      throw new TypeError(`${this.#role}: the listener must be a function, got ${typeof listener}`);
    }
    // Each subscription is an entry of its own, so that the same function may subscribe twice.
    const entry = (event: T): void => this.#call(listener, event);
    this.#list = [...this.#list, entry];
    const dispose = (): void => {
      this.#list = this.#list.filter((other) => other !== entry);
    };
    return { dispose, [Symbol.dispose]: dispose };
  }

  emit(event: T): void {
    for (const entry of this.#list) entry(event);
  }

  #call(listener: (event: T) => unknown, event: T): void {
    try {
      reportRejection(listener(event), listener, `a listener of ${this.#role}`);
    } catch (error) {
      reportOnce(listener, `a listener of ${this.#role}`, error);
    }
  }
}
