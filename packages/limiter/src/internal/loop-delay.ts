import type { Clock } from '@fournines/core';

const BEAT_MS = 20;
/** Beats without a question, after which the heart rests. */
const IDLE_BEATS = 50;

/**
 * How late the event loop is. A heartbeat every 20 ms measures how late it comes; a question asked
 * while a beat is overdue knows it before the beat comes, in the very turn of the loop that takes
 * too long. After a stall the finding halves with every beat that is on time. The timer is
 * unreferenced and rests when nobody asks.
 */
export class LoopDelay {
  readonly #clock: Clock;
  #dueAt = Number.NaN;
  #delay = 0;
  #idleBeats = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The delay at this moment, in milliseconds. Starts the heartbeat when it rests. */
  read(): number {
    this.#idleBeats = 0;
    const now = this.#clock.now();
    if (Number.isNaN(this.#dueAt)) {
      this.#delay = 0;
      this.#schedule(now);
      return 0;
    }
    return Math.max(this.#delay, now - this.#dueAt);
  }

  /** The delay as far as is known, without starting anything. */
  peek(): number {
    return Number.isNaN(this.#dueAt) ? 0 : Math.max(this.#delay, this.#clock.now() - this.#dueAt);
  }

  #schedule(now: number): void {
    this.#dueAt = now + BEAT_MS;
    this.#clock.setTimeout(this.#beat, BEAT_MS).unref();
  }

  readonly #beat = (): void => {
    const now = this.#clock.now();
    this.#delay = Math.max(now - this.#dueAt, this.#delay / 2);
    this.#idleBeats += 1;
    if (this.#idleBeats > IDLE_BEATS) this.#dueAt = Number.NaN;
    else this.#schedule(now);
  };
}
