import type { Clock } from '@fournines/core';
import { seededRandom } from '@fournines/core/testing';
import { type AdaptiveLimitOptions, adaptiveLimit } from '../src/index.ts';

/** A service that works on `servers` requests at once, each for `ms` on average; others wait in its queue. */
export interface Service {
  servers: number;
  ms: number;
  /** It refuses (503) when it has this many in hand. */
  refuseAbove: number;
  /** Requests per second that arrive at the limiter. */
  rate: number;
}

/** What happened in a span of simulated time. */
export interface Span {
  readonly perSecond: number;
  readonly latencyMs: number;
  readonly limit: number;
  readonly rejectedShare: number;
}

type SimEvent = { readonly at: number } & (
  | { readonly kind: 'arrival' }
  | { readonly kind: 'change'; readonly to: Partial<Service> }
  | { readonly kind: 'end'; readonly from: number; readonly done: () => void }
);

/** Discrete events: Poisson arrivals, a queue in front of the servers, simulated time. */
export function simulate(
  options: AdaptiveLimitOptions,
  service: Service,
  config: {
    readonly seed: number;
    readonly spread: 'fixed' | 'exponential';
    readonly changes?: readonly { readonly at: number; readonly to: Partial<Service> }[];
    readonly spans: readonly (readonly [from: number, to: number])[];
  },
): Span[] {
  let now = 0;
  const clock: Clock = {
    now: () => now,
    wall: () => now,
    setTimeout: () => {
      throw new Error('the adaptive limit starts no timer');
    },
  };
  const random = seededRandom(config.seed);
  const policy = adaptiveLimit({ ...options, clock, random });
  const state = { ...service };
  const events = new EventHeap();
  const waiting: { readonly from: number; readonly done: () => void }[] = [];
  let busy = 0;
  let waitingFrom = 0;
  const exponential = (mean: number): number => -Math.log(1 - random()) * mean;
  const serve = (job: { readonly from: number; readonly done: () => void }): void => {
    busy += 1;
    const ms = config.spread === 'fixed' ? state.ms : exponential(state.ms);
    events.push({ at: now + ms, kind: 'end', ...job });
  };
  const serveNext = (): void => {
    while (busy < state.servers && waitingFrom < waiting.length) {
      const job = waiting[waitingFrom];
      waitingFrom += 1;
      if (job !== undefined) serve(job);
    }
  };
  const tallies = config.spans.map(() => ({
    done: 0,
    latency: 0,
    limit: 0,
    arrivals: 0,
    rejected: 0,
  }));
  const current = (): (typeof tallies)[number] | undefined =>
    tallies[config.spans.findIndex(([from, to]) => now >= from && now < to)];

  events.push({ at: 0, kind: 'arrival' });
  for (const change of config.changes ?? []) events.push({ kind: 'change', ...change });
  const end = Math.max(...config.spans.map(([, to]) => to));
  for (let event = events.pop(); event !== undefined && event.at < end; event = events.pop()) {
    now = event.at;
    const tally = current();
    if (event.kind === 'change') {
      Object.assign(state, event.to);
      serveNext();
    } else if (event.kind === 'end') {
      busy -= 1;
      event.done();
      if (tally !== undefined) {
        tally.done += 1;
        tally.latency += now - event.from;
      }
      serveNext();
    } else {
      events.push({ at: now + exponential(1_000 / state.rate), kind: 'arrival' });
      const permit = policy.tryAcquire();
      if (tally !== undefined) {
        tally.arrivals += 1;
        tally.limit += policy.snapshot().gauges.limit;
        if (!permit.granted) tally.rejected += 1;
      }
      if (!permit.granted) continue;
      if (busy + waiting.length - waitingFrom >= state.refuseAbove) permit.failure({ status: 503 });
      else {
        waiting.push({ from: now, done: () => permit.success() });
        serveNext();
      }
    }
  }
  return tallies.map((tally, i) => {
    const [from, to] = config.spans[i] ?? [0, 0];
    return {
      perSecond: (tally.done * 1_000) / (to - from),
      latencyMs: tally.latency / tally.done,
      limit: tally.limit / tally.arrivals,
      rejectedShare: tally.rejected / tally.arrivals,
    };
  });
}

/** A binary heap by time. */
class EventHeap {
  readonly #heap: SimEvent[] = [];

  push(event: SimEvent): void {
    const heap = this.#heap;
    let place = heap.push(event) - 1;
    while (place > 0) {
      const above = (place - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || parent.at <= event.at) break;
      heap[place] = parent;
      place = above;
    }
    heap[place] = event;
  }

  pop(): SimEvent | undefined {
    const heap = this.#heap;
    const [first] = heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return first;
    let place = 0;
    for (;;) {
      const left = heap[2 * place + 1];
      const right = heap[2 * place + 2];
      const isRight = left !== undefined && right !== undefined && right.at < left.at;
      const child = isRight ? right : left;
      if (child === undefined || child.at >= last.at) break;
      heap[place] = child;
      place = 2 * place + (isRight ? 2 : 1);
    }
    heap[place] = last;
    return first;
  }
}
