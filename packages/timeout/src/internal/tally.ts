import type { Clock, PolicyError } from '@fournines/core';
import { type ComponentEvents, type Outcome, coarseNow } from '@fournines/core/authoring';
import type { TimeoutPolicyEvent } from '../events.ts';
import type { TimeoutSnapshot } from '../timeout-snapshot.ts';
import type { DurationWindow } from './duration-window.ts';
import type { TimedCall } from './timed-call.ts';

/** Below this duration the coarse clock, 10 ms old at times, is no measure of a near miss, … */
const SHORT_MS = 100;
/** … nor, above it, so near to the bound. */
const UNSURE_MS = 20;

/** What a tally counts for. */
export interface TallyParts {
  readonly events: ComponentEvents<TimeoutPolicyEvent>;
  readonly durations: DurationWindow | undefined;
  readonly clock: Clock;
  readonly slowRatio: number;
}

/** What a timeout counts, measures and announces. */
export class Tally {
  calls = 0;
  inFlight = 0;
  #timeouts = 0;
  #slow = 0;
  #late = 0;
  readonly #events: ComponentEvents<TimeoutPolicyEvent>;
  readonly #durations: DurationWindow | undefined;
  readonly #clock: Clock;
  readonly #slowRatio: number;

  constructor({ events, durations, clock, slowRatio }: TallyParts) {
    this.#events = events;
    this.#durations = durations;
    this.#clock = clock;
    this.#slowRatio = slowRatio;
  }

  /** A call ran out of time, or had none left. */
  timeout(error: PolicyError, durationMs: number): void {
    this.#timeouts += 1;
    if (this.#events.wants('timeout')) {
      this.#events.emit({ type: 'timeout', at: this.#clock.now(), error, durationMs });
    }
  }

  /** A call ended in time: a near miss is slow. */
  inTime(call: TimedCall): void {
    const { startedAt, durationMs } = call;
    const bound = durationMs * this.#slowRatio;
    let elapsedMs = coarseNow(this.#clock) - startedAt;
    if (elapsedMs < bound && (durationMs < SHORT_MS || elapsedMs + UNSURE_MS >= bound)) {
      elapsedMs = this.#clock.now() - startedAt;
    }
    // Written so that 0 times Infinity is no bound.
    if (!(elapsedMs >= bound)) return;
    this.#slow += 1;
    if (this.#events.wants('slow')) {
      const at = this.#clock.now();
      this.#events.emit({ type: 'slow', at, elapsedMs: at - startedAt, durationMs });
    }
  }

  /** A call's duration, for the percentiles: how long the work takes, or at least as long as it was given. */
  measure(call: TimedCall): void {
    if (this.#durations?.isDue() !== true) return;
    const now = this.#clock.now();
    this.#durations.record(now - call.startedAt, now);
  }

  /** Work has ended that nobody waited for. */
  late(call: TimedCall, outcome: Outcome): void {
    this.#late += 1;
    if (!this.#events.wants('late')) return;
    const at = this.#clock.now();
    const { durationMs } = call;
    const event = { type: 'late', at, elapsedMs: at - call.startedAt, durationMs } as const;
    this.#events.emit(
      outcome.ok ? { ...event, ok: true } : { ...event, ok: false, error: outcome.error },
    );
  }

  snapshot(): TimeoutSnapshot {
    const percentiles = this.#durations?.percentiles(this.#clock.now());
    return {
      status: 'up',
      counts: {
        calls: this.calls,
        timeouts: this.#timeouts,
        slow: this.#slow,
        late: this.#late,
      },
      gauges: { inFlight: this.inFlight, ...percentiles },
    };
  }
}
