import { TimeoutError } from '@fournines/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type CircuitBreaker, circuitBreaker } from '../src/index.ts';
import { NaiveCircuit, type NaiveOptions } from './naive-circuit.ts';

/** How many random sequences are compared with the model. */
const RUNS = 20_000;

const REFUSED = Object.assign(new Error('down'), { code: 'ECONNREFUSED' });

/** What a sequence is made of. Indices choose among the calls that are running. */
type Step =
  | { readonly do: 'call' }
  | {
      readonly do: 'settle';
      readonly which: number;
      readonly how: 'ok' | 'fail' | 'timeout' | 'ignore';
    }
  | { readonly do: 'burst'; readonly how: 'ok' | 'fail'; readonly times: number }
  | { readonly do: 'time'; readonly ms: number }
  | { readonly do: 'isolate' }
  | { readonly do: 'release'; readonly which: number }
  | { readonly do: 'reset' }
  | { readonly do: 'configure'; readonly failureThreshold: number; readonly resetTimeout: number };

const how = fc.constantFrom('ok' as const, 'fail' as const, 'timeout' as const, 'ignore' as const);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('call' as const) }) },
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant('settle' as const), which: fc.nat(9), how }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('burst' as const),
      how: fc.constantFrom('ok' as const, 'fail' as const),
      times: fc.integer({ min: 1, max: 4 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('time' as const),
      ms: fc.oneof(
        fc.nat(300),
        fc.nat(3_000),
        fc.constant(1_000),
        fc.integer({ min: -9_000, max: -60 }),
      ),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('isolate' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('release' as const), which: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reset' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('configure' as const),
      failureThreshold: fc.integer({ min: 1, max: 6 }),
      resetTimeout: fc.integer({ min: 0, max: 1_500 }),
    }),
  },
);

const options: fc.Arbitrary<NaiveOptions> = fc.record({
  failureThreshold: fc.constantFrom(undefined, 2, 4),
  failureRateThreshold: fc.constantFrom(0.3, 0.5, 1, false as const),
  minimumCalls: fc.integer({ min: 1, max: 5 }),
  slidingWindow: fc.constantFrom<NaiveOptions['slidingWindow']>(
    { duration: 1_000, buckets: 10 },
    { duration: 700, buckets: 3 },
    { size: 5 },
    { size: 12 },
  ),
  slowCallDuration: fc.constantFrom(undefined, 250, 900),
  slowCallRateThreshold: fc.constantFrom(0.4, 1),
  resetTimeout: fc.constantFrom(0, 500, 1_000),
  permittedCalls: fc.integer({ min: 1, max: 4 }),
  halfOpenRate: fc.constantFrom(0.3, 0.5, 1),
  maxWait: fc.constantFrom(200, 2_000),
});

class Pair {
  now = 0;
  readonly real: CircuitBreaker;
  readonly naive: NaiveCircuit;
  readonly #running: { readonly settle: (how: string) => void; readonly id: number }[] = [];
  readonly #handles: { dispose(): void }[] = [];
  #nextId = 0;

  constructor(chosen: NaiveOptions) {
    const { permittedCalls, halfOpenRate, maxWait, failureThreshold, slowCallDuration } = chosen;
    const { slowCallRateThreshold, ...rest } = chosen;
    this.real = circuitBreaker({
      name: 'pair',
      failureRateThreshold: rest.failureRateThreshold,
      minimumCalls: rest.minimumCalls,
      slidingWindow: rest.slidingWindow,
      resetTimeout: rest.resetTimeout,
      ...(failureThreshold === undefined ? {} : { failureThreshold }),
      ...(slowCallDuration === undefined ? {} : { slowCallDuration, slowCallRateThreshold }),
      halfOpen: { permittedCalls, failureRateThreshold: halfOpenRate, maxWait },
      clock: {
        now: () => this.now,
        wall: () => 0,
        setTimeout: () => ({ cancel() {}, ref() {}, unref() {} }),
      },
    });
    this.naive = new NaiveCircuit(chosen);
  }

  run(next: Step): void {
    switch (next.do) {
      case 'call':
        this.#call();
        break;
      case 'settle':
        this.#settle(next.which, next.how);
        break;
      case 'burst':
        for (let i = 0; i < next.times; i++) {
          if (this.#call()) this.#settle(this.#running.length - 1, next.how);
        }
        break;
      case 'time':
        this.now += next.ms;
        // A step back that nobody saw before time went on cannot be told from a shorter step.
        this.real.toJSON();
        this.naive.clockStep(next.ms);
        break;
      case 'isolate':
        this.#handles.push(this.real.isolate());
        this.naive.isolate();
        break;
      case 'release': {
        const [handle] = this.#handles.splice(next.which % Math.max(1, this.#handles.length), 1);
        if (handle === undefined) break;
        handle.dispose();
        this.naive.release();
        break;
      }
      case 'reset':
        this.#handles.length = 0;
        this.real.reset();
        this.naive.reset();
        break;
      case 'configure':
        this.real.configure({
          failureThreshold: next.failureThreshold,
          resetTimeout: next.resetTimeout,
        });
        this.naive.configure(next.failureThreshold, next.resetTimeout);
        break;
    }
  }

  #call(): boolean {
    const permit = this.real.tryAcquire();
    const id = this.#nextId++;
    if (permit.granted !== this.naive.call(id)) throw new Error(`call ${id}: the model disagrees`);
    if (!permit.granted) return false;
    this.#running.push({
      id,
      settle: (verdict) => {
        if (verdict === 'ok') permit.success(1);
        else if (verdict === 'fail') permit.failure(REFUSED);
        else if (verdict === 'timeout') permit.failure(new TimeoutError('inner', 1));
        else permit[Symbol.dispose]();
      },
    });
    return true;
  }

  #settle(which: number, verdict: 'ok' | 'fail' | 'timeout' | 'ignore'): void {
    const [call] = this.#running.splice(which % Math.max(1, this.#running.length), 1);
    if (call === undefined) return;
    call.settle(verdict);
    this.naive.settle(call.id, verdict);
  }

  shown(): object {
    const { state, counts, gauges } = this.real.snapshot();
    const failure = Object.values(counts.failure).reduce((sum, count) => sum + count, 0);
    return {
      state,
      retryAfterMs: round(gauges.retryAfterMs),
      failureRate: gauges.failureRate,
      slowRate: gauges.slowRate,
      inFlight: gauges.inFlight,
      calls: counts.calls,
      success: counts.success,
      failure,
      slow: counts.slow,
      ignored: counts.ignored,
      rejected: counts.rejected,
      late: counts.late,
      trips: counts.trips,
    };
  }
}

function round(ms: number): number {
  return Math.round(ms * 1e6) / 1e6;
}

describe('against an obviously correct model with unbounded memory', () => {
  test(`${RUNS} random sequences agree in state, admissions and counters at every step`, () => {
    fc.assert(
      fc.property(options, fc.array(step, { minLength: 5, maxLength: 40 }), (chosen, steps) => {
        const pair = new Pair(chosen);
        for (const next of steps) {
          pair.run(next);
          expect(pair.shown()).toEqual(pair.naive.look());
        }
      }),
      { numRuns: RUNS },
    );
  }, 300_000);
});
