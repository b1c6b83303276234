/**
 * What a sum of milliseconds may be off by, after days of uptime: a caller who waits exactly as
 * long as it was told is admitted.
 */
const ROUNDING_MS = 1e-6;

/**
 * Only an injected clock goes back. Up to so far it jitters, and time stands still until it has
 * caught up; further, it was set back, and time goes on from there.
 */
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
    if (this.#fullAt > now) {
      const used = Math.min(burst, (this.#fullAt - now) / this.#stepMs);
      this.#fullAt = now + used * stepMs;
    }
    this.#stepMs = stepMs;
    this.#slackMs = this.#stepMs * (burst - 1);
  }

  /** Takes one; returns 0, or how many milliseconds it is too early. */
  take(reading: number): number {
    const behind = this.#latest - reading;
    // What was used up is as long ago as it was.
    if (behind > JITTER_MS) this.#fullAt -= behind;
    const now = behind > 0 && behind <= JITTER_MS ? this.#latest : reading;
    this.#latest = now;
    const fullAt = Math.max(now, this.#fullAt);
    if (fullAt - this.#slackMs - now > ROUNDING_MS) return fullAt - this.#slackMs - reading;
    this.#fullAt = fullAt + this.#stepMs;
    return 0;
  }
}
