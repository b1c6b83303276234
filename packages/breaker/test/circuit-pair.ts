import { type Clock, LimitRejectedError, TimeoutError } from '@fournines/core';
import fc from 'fast-check';
import { type CircuitBreaker, circuitBreaker } from '../src/index.ts';
import { NaiveCircuit, type NaiveOptions } from './naive-circuit.ts';

const DOWN = Object.assign(new Error('down'), { code: 'ECONNREFUSED' });

/** What a sequence is made of. Indices choose among the calls that are running. */
export type Step =
  | { readonly do: 'call' }
  | {
      readonly do: 'settle';
      readonly which: number;
      readonly how: 'ok' | 'fail' | 'timeout' | 'ignore';
    }
  | { readonly do: 'abort'; readonly which: number; readonly timeoutMs: number | undefined }
  | { readonly do: 'burst'; readonly how: 'ok' | 'fail'; readonly times: number }
  | { readonly do: 'time'; readonly ms: number; readonly isBusy: boolean }
  | { readonly do: 'isolate' }
  | { readonly do: 'release'; readonly which: number }
  | { readonly do: 'reset' }
  | { readonly do: 'configure'; readonly failureThreshold: number; readonly resetTimeout: number };

const how = fc.constantFrom('ok' as const, 'fail' as const, 'timeout' as const, 'ignore' as const);
/** Steps of any kind. */
export const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('call' as const) }) },
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant('settle' as const), which: fc.nat(9), how }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('abort' as const),
      which: fc.nat(9),
      timeoutMs: fc.constantFrom(undefined, 200, 500, 2_000),
    }),
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
      isBusy: fc.boolean(),
      ms: fc.oneof(
        fc.nat(300),
        fc.nat(3_000),
        fc.constant(1_000),
        fc.integer({ min: -9_000, max: -60 }),
        fc.integer({ min: -1_001, max: -1 }),
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

/** Options of any kind. */
export const options: fc.Arbitrary<NaiveOptions> = fc.record({
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

/** Lets time pass for the breaker, by steps forth and back, and tells the model. */
export type PassTime = (naive: NaiveCircuit, ms: number, isBusy: boolean) => void;

interface RunningCall {
  readonly id: number;
  settle(how: 'ok' | 'fail' | 'timeout' | 'ignore'): void;
  /** Absent where calls cannot be aborted while they run, or no more. */
  abort: ((timeoutMs: number | undefined) => void) | undefined;
}

/** A breaker and its model, put through the same steps. */
export class Pair {
  readonly real: CircuitBreaker;
  readonly naive: NaiveCircuit;
  readonly #passTime: PassTime;
  readonly #start: (real: CircuitBreaker, id: number) => RunningCall | undefined;
  readonly #running: RunningCall[] = [];
  readonly #handles: { dispose(): void }[] = [];
  #nextId = 0;

  constructor(chosen: NaiveOptions, by: 'permits' | 'execute', passTime: PassTime, clock?: Clock) {
    const { permittedCalls, halfOpenRate, maxWait, failureThreshold, slowCallDuration } = chosen;
    const { slowCallRateThreshold, ...rest } = chosen;
    this.#passTime = passTime;
    this.#start = by === 'permits' ? byPermit : byExecute;
    this.real = circuitBreaker({
      name: 'pair',
      failureRateThreshold: rest.failureRateThreshold,
      minimumCalls: rest.minimumCalls,
      slidingWindow: rest.slidingWindow,
      resetTimeout: rest.resetTimeout,
      ...(failureThreshold === undefined ? {} : { failureThreshold }),
      ...(slowCallDuration === undefined ? {} : { slowCallDuration, slowCallRateThreshold }),
      halfOpen: { permittedCalls, failureRateThreshold: halfOpenRate, maxWait },
      stalls: false,
      ...(clock === undefined ? {} : { clock }),
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
      case 'abort': {
        const call = this.#running[next.which % Math.max(1, this.#running.length)];
        if (call?.abort === undefined) break;
        call.abort(next.timeoutMs);
        call.abort = undefined;
        this.naive.abort(call.id, next.timeoutMs);
        break;
      }
      case 'burst':
        for (let i = 0; i < next.times; i++) {
          if (this.#call()) this.#settle(this.#running.length - 1, next.how);
        }
        break;
      case 'time':
        this.#passTime(this.naive, next.ms, next.isBusy);
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
    const id = this.#nextId++;
    const call = this.#start(this.real, id);
    const isAdmitted = this.naive.call(id);
    if ((call !== undefined) !== isAdmitted) throw new Error(`call ${id}: the model disagrees`);
    if (call !== undefined) this.#running.push(call);
    return isAdmitted;
  }

  #settle(which: number, how: 'ok' | 'fail' | 'timeout' | 'ignore'): void {
    const [call] = this.#running.splice(which % Math.max(1, this.#running.length), 1);
    if (call === undefined) return;
    call.settle(how);
    this.naive.settle(call.id, how);
  }

  /** What the breaker shows, as the model does. */
  shown(): object {
    const { state, counts, gauges } = this.real.snapshot();
    const failure = Object.values(counts.failure).reduce((sum, count) => sum + count, 0);
    return {
      state,
      retryAfterMs: Math.round(gauges.retryAfterMs * 1e6) / 1e6,
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

function byPermit(real: CircuitBreaker, id: number): RunningCall | undefined {
  const permit = real.tryAcquire();
  if (!permit.granted) return undefined;
  return {
    id,
    abort: undefined,
    settle: (how) => {
      if (how === 'ok') permit.success(1);
      else if (how === 'fail') permit.failure(DOWN);
      else if (how === 'timeout') permit.failure(new TimeoutError('inner', 1));
      else permit[Symbol.dispose]();
    },
  };
}

/** Its outcome arrives when promises have settled. */
function byExecute(real: CircuitBreaker, id: number): RunningCall | undefined {
  const controller = new AbortController();
  const gate = Promise.withResolvers<number>();
  let isStarted = false;
  real
    .execute(() => {
      isStarted = true;
      return gate.promise;
    }, controller.signal)
    .catch(() => {});
  if (!isStarted) return undefined;
  return {
    id,
    abort: (timeoutMs) =>
      controller.abort(
        timeoutMs === undefined ? new Error('gone') : new TimeoutError('outer', timeoutMs),
      ),
    settle: (how) => {
      if (how === 'ok') gate.resolve(1);
      else if (how === 'fail') gate.reject(DOWN);
      else if (how === 'timeout') gate.reject(new TimeoutError('inner', 1));
      else gate.reject(new LimitRejectedError('inner', { reason: 'full' }));
    },
  };
}
