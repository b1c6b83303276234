/**
 * What a sum of milliseconds may be off by, after days of uptime: a caller who waits exactly as
 * long as it was told is admitted.
 */
const ROUNDING_MS = 1e-6;

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

  constructor(limit: number, interval: number, burst: number) {
    this.configure(limit, interval, burst);
  }

  configure(limit: number, interval: number, burst: number): void {
    this.#stepMs = interval / limit;
    this.#slackMs = this.#stepMs * (burst - 1);
  }

  /** Takes one; returns 0, or how many milliseconds it is too early. */
  take(now: number): number {
    const fullAt = Math.max(now, this.#fullAt);
    const tooEarly = fullAt - this.#slackMs - now;
    if (tooEarly > ROUNDING_MS) return tooEarly;
    this.#fullAt = fullAt + this.#stepMs;
    return 0;
  }
}
