/**
 * What a sum of milliseconds may be off by, after days of uptime: a caller who waits exactly as
 * long as it was told is admitted.
 */
const ROUNDING_MS = 1e-6;

/** A clock that goes back by no more than this jitters: the way back up is no time that passed. */
const JITTER_MS = 1_000;

/**
 * The generic cell rate algorithm (ITU-T I.371), virtual scheduling: one number, the moment at
 * which the bucket would be full again if nothing more came. Never more than `burst` at once, and
 * `limit` per `interval` in the long run.
 */
export class Gcra {
  #stepMs = 0;
  #slackMs = 0;
  /** The theoretical arrival time. */
  #fullAt = -Infinity;
  #latest = -Infinity;

  constructor(limit: number, interval: number, burst: number) {
    this.configure(limit, interval, burst, -Infinity);
  }

  /** What has been used up stays used up, as so many calls, though never more than there are at once. */
  configure(limit: number, interval: number, burst: number, now: number): void {
    const stepMs = interval / limit;
    const time = this.#timeAt(now);
    if (this.#fullAt > time) {
      const used = Math.min(burst, (this.#fullAt - time) / this.#stepMs);
      this.#fullAt = time + used * stepMs;
    }
    this.#stepMs = stepMs;
    this.#slackMs = this.#stepMs * (burst - 1);
  }

  /** Takes one; returns 0, or how many milliseconds it is too early. */
  take(now: number): number {
    const time = this.#timeAt(now);
    const fullAt = Math.max(time, this.#fullAt);
    // As seen from `now`: who comes by a clock that is behind has to wait for that as well.
    if (fullAt - this.#slackMs - time > ROUNDING_MS) return fullAt - this.#slackMs - now;
    this.#fullAt = fullAt + this.#stepMs;
    return 0;
  }

  /**
   * Only an injected clock goes back. A little: the time stands still until the clock has caught
   * up. Further: the clock was set back, and what was used up is as long ago as it was.
   */
  #timeAt(now: number): number {
    const back = this.#latest - now;
    if (back > 0 && back <= JITTER_MS) return this.#latest;
    if (back > JITTER_MS) this.#fullAt -= back;
    this.#latest = now;
    return now;
  }
}
