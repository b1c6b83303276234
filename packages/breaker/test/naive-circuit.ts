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
  /** The caller gave it up while it was a probe: it keeps its place and says nothing. */
  isAbandoned: boolean;
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
  /** The latest time that it has seen, and what its two clocks show. */
  #now = 0;
  #exact = 0;
  #coarse = 0;
  /** What the clock shows, and the highest that it has shown since it was set back. */
  #shown = 0;
  #highest = 0;
  #tick = { at: -Infinity, epoch: 0 };
  #state: 'closed' | 'open' | 'half-open' = 'closed';
  #epoch = 0;
  #openedAt = 0;
  #breakMs = 0;
  #isolations = 0;
  /** The latest start among the calls of this epoch that were answered. */
  #answeredUpTo = -Infinity;
  readonly #running: NaiveCall[] = [];
  /** Aborted calls whose verdict is passed, that still run. */
  readonly #judged = new Set<number>();
  /** Outcomes of the present closed period, or of the one that ended in the present opening. */
  #outcomes: NaiveOutcome[] = [];
  #probeOutcomes: { readonly failed: boolean; readonly slow: boolean }[] = [];
  #openings = 0;
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

  /** What both clocks show when it begins. */
  beginAt(now: number): void {
    this.#exact = now;
    this.#coarse = now;
    this.#now = now;
  }

  /** A step back takes no time; after one of up to a second, neither does the way back up. */
  clockStep(ms: number): void {
    this.#shown += ms;
    const forth = this.#shown - this.#highest;
    if (forth > 0 || forth < -1_000) this.#highest = this.#shown;
    this.work(Math.max(0, forth));
    this.turn();
    this.#seeExact();
  }

  /** Time passes that the coarse clock does not see before the loop turns. */
  work(ms: number): void {
    this.#exact += ms;
  }

  turn(): void {
    this.#coarse = this.#exact;
  }

  #seeExact(): void {
    this.#now = Math.max(this.#now, this.#exact);
  }

  #seeCoarse(): void {
    this.#now = Math.max(this.#now, this.#coarse);
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
    this.#seeExact();
  }

  call(id: number): boolean {
    this.#counts.calls += 1;
    const isAdmitted = this.#admits();
    if (!isAdmitted) this.#counts.rejected += 1;
    else {
      this.#startTick();
      this.#running.push({
        id,
        startedAt: this.#now,
        epoch: this.#epoch,
        isProbe: this.#state === 'half-open',
        isSlowNow: false,
        leaseEnded: false,
        isAbandoned: false,
      });
    }
    return isAdmitted;
  }

  /** The first call in a reading of the coarse clock starts by the exact one, the others with it. */
  #startTick(): void {
    const { at, epoch } = this.#tick;
    if (at === this.#now && epoch === this.#epoch) return;
    this.#seeExact();
    this.#tick = { at: this.#now, epoch: this.#epoch };
  }

  /** An abort from further out, by a timeout of so many milliseconds or by the caller. */
  abort(id: number, timeoutMs: number | undefined): void {
    const call = this.#running.find((running) => running.id === id);
    if (call === undefined || call.isAbandoned) return;
    const { slowCallDuration = Infinity } = this.#options;
    if (timeoutMs !== undefined) this.#seeExact();
    const enough = slowCallDuration < (timeoutMs ?? 0) ? slowCallDuration : (timeoutMs ?? 0) / 2;
    const counts = timeoutMs !== undefined && this.#now - call.startedAt >= enough;
    if (!counts && call.isProbe && call.epoch === this.#epoch) {
      call.isAbandoned = true;
      return;
    }
    this.settle(id, counts ? 'timeout' : 'ignore');
    this.#judged.add(id);
  }

  settle(id: number, how: 'ok' | 'fail' | 'timeout' | 'ignore'): void {
    if (this.#judged.delete(id)) return;
    const index = this.#running.findIndex((call) => call.id === id);
    const [call] = this.#running.splice(index, 1);
    if (call === undefined) throw new Error('the test settled a call twice');
    const isStale = call.epoch !== this.#epoch;
    if (how === 'ignore' || call.isAbandoned) {
      this.#counts.ignored += 1;
      if (isStale) this.#counts.late += 1;
      return;
    }
    if (how === 'timeout') this.#seeExact();
    this.#counts[how === 'ok' ? 'success' : 'failure'] += 1;
    if (isStale) {
      this.#counts.late += 1;
      return;
    }
    this.#seeCoarse();
    const slow = this.#now - call.startedAt >= (this.#options.slowCallDuration ?? Infinity);
    if (slow) this.#counts.slow += 1;
    if (call.leaseEnded) {
      this.#counts.late += 1;
      return;
    }
    const failed = how !== 'ok';
    if (call.isProbe) {
      this.#probeOutcomes.push({ failed: failed || slow, slow });
      this.#decide();
      return;
    }
    if (how !== 'timeout') this.#answeredUpTo = Math.max(this.#answeredUpTo, call.startedAt);
    this.#outcomes.push({ at: this.#now, failed, slow });
    this.#lookForSlow();
    this.#judge();
  }

  look(): object {
    const { failureRate, slowRate } = this.#rates();
    const inFlight = this.#running.length + this.#judged.size;
    return {
      state: this.#isolations > 0 ? 'isolated' : this.#state,
      retryAfterMs: Math.round(this.#retryAfter() * 1e6) / 1e6,
      failureRate,
      slowRate,
      inFlight,
      ...this.#counts,
    };
  }

  get openings(): number {
    return this.#openings;
  }

  #admits(): boolean {
    if (this.#isolations > 0) return false;
    if (this.#state === 'closed') {
      this.#seeCoarse();
      const former = this.#slowNow();
      this.#lookForSlow();
      if (this.#slowNow() > former) this.#judge();
      if (this.#state === 'closed') return true;
    }
    this.#seeExact();
    if (this.#state === 'open') {
      if (this.#now - this.#openedAt < this.#breakMs) return false;
      this.#enter('half-open');
    }
    for (const probe of this.#probesOut()) {
      if (this.#now - probe.startedAt < this.#options.maxWait) continue;
      probe.leaseEnded = true;
      if (!probe.isAbandoned) this.#probeOutcomes.push({ failed: true, slow: false });
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
    const now = Math.max(this.#now, this.#exact);
    if (this.#isolations > 0) return Infinity;
    if (this.#state === 'open') return Math.max(0, this.#openedAt + this.#breakMs - now);
    if (this.#state === 'closed' || this.#hasRoom()) return 0;
    const leases = this.#probesOut().map((probe) => probe.startedAt + this.#options.maxWait - now);
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
  #seen(now: number): NaiveOutcome[] {
    const { slidingWindow } = this.#options;
    if ('size' in slidingWindow) return this.#outcomes.slice(-slidingWindow.size);
    const bucketMs = slidingWindow.duration / slidingWindow.buckets;
    const newest = Math.floor(now / bucketMs);
    return this.#outcomes.filter(
      ({ at }) => Math.floor(at / bucketMs) > newest - slidingWindow.buckets,
    );
  }

  #rates(): { failureRate: number; slowRate: number } {
    const isProbing = this.#state === 'half-open' && this.#isolations === 0;
    const seen = isProbing ? this.#probeOutcomes : this.#seen(Math.max(this.#now, this.#exact));
    const slowNow = isProbing ? 0 : this.#slowNow();
    const share = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);
    const slow = seen.filter((outcome) => outcome.slow).length;
    return {
      failureRate: share(seen.filter(({ failed }) => failed).length, seen.length),
      slowRate: share(slow + slowNow, seen.length + slowNow),
    };
  }

  #judge(): void {
    const { failureThreshold, failureRateThreshold, minimumCalls } = this.#options;
    const seen = this.#seen(this.#now);
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
    const failures = this.#probeOutcomes.filter(({ failed }) => failed).length;
    const successes = this.#probeOutcomes.length - failures;
    const undecided = permittedCalls - this.#probeOutcomes.length;
    if (failures / permittedCalls >= halfOpenRate) this.#open();
    else if (successes > 0 && (failures + undecided) / permittedCalls < halfOpenRate)
      this.#enter('closed');
  }

  #open(): void {
    this.#counts.trips += 1;
    this.#openings += 1;
    this.#seeExact();
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
    if (state === 'closed') this.#openings = 0;
    this.#nextEpoch();
    this.#outcomes = [];
    this.#probeOutcomes = [];
  }
}
