/** The options that the model knows. */
export interface NaiveOptions {
  readonly failureThreshold: number | undefined;
  readonly failureRateThreshold: number | false;
  readonly minimumCalls: number;
  readonly slidingWindow:
    | { readonly duration: number; readonly buckets: number }
    | { readonly size: number };
  readonly slowCallDuration: number | undefined;
  readonly slowCallRateThreshold: number;
  readonly resetTimeout: number;
  readonly permittedCalls: number;
  readonly halfOpenRate: number;
  readonly maxWait: number;
}

interface NaiveCall {
  readonly id: number;
  readonly startedAt: number;
  readonly epoch: number;
  readonly isProbe: boolean;
  /** Found slow while it was running. */
  isSlowNow: boolean;
  leaseEnded: boolean;
}

interface NaiveOutcome {
  readonly at: number;
  readonly failed: boolean;
  readonly slow: boolean;
}

/**
 * The rules of a circuit breaker as they are written down, without any care for cost: it keeps
 * every call and every outcome and counts them anew whenever it is asked.
 */
export class NaiveCircuit {
  #options: NaiveOptions;
  #now = 0;
  #state: 'closed' | 'open' | 'half-open' = 'closed';
  #epoch = 0;
  #openedAt = 0;
  #breakMs = 0;
  #isolations = 0;
  /** The latest start among the calls of this epoch that were answered. */
  #answeredUpTo = -Infinity;
  readonly #running: NaiveCall[] = [];
  /** Outcomes of the present closed period, or of the one that ended in the present opening. */
  #outcomes: NaiveOutcome[] = [];
  #probeOutcomes: boolean[] = [];
  readonly #counts = {
    calls: 0,
    success: 0,
    failure: 0,
    slow: 0,
    ignored: 0,
    rejected: 0,
    late: 0,
    trips: 0,
  };

  constructor(options: NaiveOptions) {
    this.#options = options;
  }

  /** A step back takes no time. */
  clockStep(ms: number): void {
    this.#now += Math.max(0, ms);
  }

  isolate(): void {
    if (this.#isolations === 0) this.#nextEpoch();
    this.#isolations += 1;
  }

  release(): void {
    this.#isolations -= 1;
    if (this.#isolations > 0) return;
    this.#enter(this.#state === 'closed' ? 'closed' : 'half-open');
  }

  reset(): void {
    this.#isolations = 0;
    this.#enter('closed');
  }

  configure(failureThreshold: number, resetTimeout: number): void {
    this.#options = { ...this.#options, failureThreshold, resetTimeout };
  }

  call(id: number): boolean {
    this.#counts.calls += 1;
    const isAdmitted = this.#admits();
    if (!isAdmitted) this.#counts.rejected += 1;
    else {
      this.#running.push({
        id,
        startedAt: this.#now,
        epoch: this.#epoch,
        isProbe: this.#state === 'half-open',
        isSlowNow: false,
        leaseEnded: false,
      });
    }
    return isAdmitted;
  }

  settle(id: number, how: 'ok' | 'fail' | 'timeout' | 'ignore'): void {
    const index = this.#running.findIndex((call) => call.id === id);
    const [call] = this.#running.splice(index, 1);
    if (call === undefined) throw new Error('the test settled a call twice');
    const isStale = call.epoch !== this.#epoch;
    if (how === 'ignore') {
      this.#counts.ignored += 1;
      if (isStale) this.#counts.late += 1;
      return;
    }
    this.#counts[how === 'ok' ? 'success' : 'failure'] += 1;
    if (isStale) {
      this.#counts.late += 1;
      return;
    }
    const slow = this.#now - call.startedAt >= (this.#options.slowCallDuration ?? Infinity);
    if (slow) this.#counts.slow += 1;
    if (call.leaseEnded) {
      this.#counts.late += 1;
      return;
    }
    const failed = how !== 'ok';
    if (call.isProbe) {
      this.#probeOutcomes.push(failed || slow);
      this.#decide();
      return;
    }
    if (how !== 'timeout') this.#answeredUpTo = Math.max(this.#answeredUpTo, call.startedAt);
    this.#outcomes.push({ at: this.#now, failed, slow });
    this.#lookForSlow();
    this.#judge();
  }

  look(): object {
    const { failureRate } = this.#rates();
    const inFlight = this.#running.length;
    return {
      state: this.#isolations > 0 ? 'isolated' : this.#state,
      retryAfterMs: Math.round(this.#retryAfter() * 1e6) / 1e6,
      failureRate,
      inFlight,
      ...this.#counts,
    };
  }

  #admits(): boolean {
    if (this.#isolations > 0) return false;
    if (this.#state === 'closed') {
      const former = this.#slowNow();
      this.#lookForSlow();
      if (this.#slowNow() > former) this.#judge();
      if (this.#state === 'closed') return true;
    }
    if (this.#state === 'open') {
      if (this.#now - this.#openedAt < this.#breakMs) return false;
      this.#enter('half-open');
    }
    for (const probe of this.#probesOut()) {
      if (this.#now - probe.startedAt < this.#options.maxWait) continue;
      probe.leaseEnded = true;
      this.#probeOutcomes.push(true);
    }
    this.#decide();
    if (this.#state !== 'half-open') return this.#admits();
    return this.#hasRoom();
  }

  #probesOut(): NaiveCall[] {
    return this.#running.filter(
      (call) => call.isProbe && !call.leaseEnded && call.epoch === this.#epoch,
    );
  }

  #hasRoom(): boolean {
    return this.#probesOut().length + this.#probeOutcomes.length < this.#options.permittedCalls;
  }

  #retryAfter(): number {
    if (this.#isolations > 0) return Infinity;
    if (this.#state === 'open') return Math.max(0, this.#openedAt + this.#breakMs - this.#now);
    if (this.#state === 'closed' || this.#hasRoom()) return 0;
    const leases = this.#probesOut().map(
      (probe) => probe.startedAt + this.#options.maxWait - this.#now,
    );
    return leases.length === 0 ? 0 : Math.max(0, Math.min(...leases));
  }

  #lookForSlow(): void {
    for (const call of this.#running) {
      if (call.epoch !== this.#epoch) continue;
      if (this.#now - call.startedAt >= (this.#options.slowCallDuration ?? Infinity))
        call.isSlowNow = true;
    }
  }

  #slowNow(): number {
    return this.#running.filter((call) => call.epoch === this.#epoch && call.isSlowNow).length;
  }

  /** The outcomes that the window still sees. */
  #seen(): NaiveOutcome[] {
    const { slidingWindow } = this.#options;
    if ('size' in slidingWindow) return this.#outcomes.slice(-slidingWindow.size);
    const bucketMs = slidingWindow.duration / slidingWindow.buckets;
    const newest = Math.floor(this.#now / bucketMs);
    return this.#outcomes.filter(
      ({ at }) => Math.floor(at / bucketMs) > newest - slidingWindow.buckets,
    );
  }

  #rates(): { failureRate: number } {
    const seen =
      this.#state === 'half-open' && this.#isolations === 0
        ? this.#probeOutcomes.map((failed) => ({ failed }))
        : this.#seen();
    if (seen.length === 0) return { failureRate: 0 };
    return { failureRate: seen.filter(({ failed }) => failed).length / seen.length };
  }

  #judge(): void {
    const { failureThreshold, failureRateThreshold, minimumCalls } = this.#options;
    const seen = this.#seen();
    const failures = seen.filter(({ failed }) => failed).length;
    const slowNow = this.#slowNow();
    const slow = seen.filter((outcome) => outcome.slow).length + slowNow;
    const lastGood = this.#outcomes.findLastIndex(({ failed }) => !failed);
    const inARow = this.#outcomes.length - 1 - lastGood;
    const byRow = inARow >= (failureThreshold ?? Infinity);
    const byRate =
      failureRateThreshold !== false &&
      seen.length >= minimumCalls &&
      failures / seen.length >= failureRateThreshold;
    const all = seen.length + slowNow;
    const bySlow =
      slow > 0 && all >= minimumCalls && slow / all >= this.#options.slowCallRateThreshold;
    const unanswered = this.#running.filter(
      (call) => call.epoch === this.#epoch && call.isSlowNow && call.startedAt > this.#answeredUpTo,
    );
    const byHole = unanswered.length >= minimumCalls;
    if (byRow || byRate || bySlow || byHole) this.#open();
  }

  #decide(): void {
    const { permittedCalls, halfOpenRate } = this.#options;
    const failures = this.#probeOutcomes.filter(Boolean).length;
    const successes = this.#probeOutcomes.length - failures;
    const undecided = permittedCalls - this.#probeOutcomes.length;
    if (failures / permittedCalls >= halfOpenRate) this.#open();
    else if (successes > 0 && (failures + undecided) / permittedCalls < halfOpenRate)
      this.#enter('closed');
  }

  #open(): void {
    this.#counts.trips += 1;
    this.#openedAt = this.#now;
    this.#breakMs = this.#options.resetTimeout;
    this.#state = 'open';
    this.#nextEpoch();
  }

  #nextEpoch(): void {
    this.#epoch += 1;
    this.#answeredUpTo = -Infinity;
  }

  #enter(state: 'closed' | 'half-open'): void {
    this.#state = state;
    this.#nextEpoch();
    this.#outcomes = [];
    this.#probeOutcomes = [];
  }
}
