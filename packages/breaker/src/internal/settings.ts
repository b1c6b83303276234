import { checkBoolean, checkFunction, checkNumber, checkOptions } from '@fournines/core/authoring';
import type { CallOptions } from '@fournines/core';
import type { Outcome } from '@fournines/core/authoring';
import type { BreakInfo, CircuitBreakerOptions } from '../options.ts';
import { type Judge, judgeOf } from './judge.ts';

/** Options as the circuit reads them: checked, with defaults, and Infinity for what is off. */
export interface Settings {
  readonly failureThreshold: number;
  readonly failureRateThreshold: number;
  readonly minimumCalls: number;
  readonly window:
    | { readonly kind: 'time'; readonly duration: number; readonly buckets: number }
    | { readonly kind: 'count'; readonly size: number };
  readonly slowCallDuration: number;
  readonly slowCallRateThreshold: number;
  readonly blackHole: boolean;
  readonly resetTimeout: number | ((info: BreakInfo) => number);
  readonly permittedCalls: number;
  readonly halfOpenRate: number;
  readonly maxWait: number | undefined;
  readonly isProbe: ((call: CallOptions) => boolean) | undefined;
  readonly ramp: number;
  readonly enforcement: number;
  readonly openOn: ((outcome: Outcome) => number | undefined) | undefined;
  readonly stalls: boolean;
  readonly judge: Judge;
  /** Whether neither `isFailure` nor `openOn` looks at what a call returns. */
  readonly judgesNoValue: boolean;
}

/** The options that there are. */
export const OPTIONS: readonly string[] = [
  'name',
  'clock',
  'random',
  'failureThreshold',
  'failureRateThreshold',
  'minimumCalls',
  'slidingWindow',
  'slowCallDuration',
  'slowCallRateThreshold',
  'blackHole',
  'resetTimeout',
  'halfOpen',
  'classify',
  'isFailure',
  'handle',
  'expectedErrors',
  'isProbe',
  'ramp',
  'enforcement',
  'openOn',
  'stalls',
  'initialState',
  'fleet',
];

/** Checks the options of a breaker. Throws TypeError or RangeError. */
export function settingsOf(options: CircuitBreakerOptions): Settings {
  checkOptions('breaker', options, OPTIONS);
  if (options.name !== undefined && (typeof options.name !== 'string' || options.name === '')) {
    throw new TypeError(`breaker: name must be a non-empty string, got ${String(options.name)}`);
  }
  if (options.random !== undefined) checkFunction('breaker: random', options.random);
  const window = windowOf(options.slidingWindow);
  const { failureThreshold, failureRateThreshold, resetTimeout = 30_000 } = options;
  // Only what is not given has a default: null is refused.
  const {
    ramp = 0,
    enforcement = 1,
    stalls = true,
    slowCallRateThreshold = 1,
    blackHole = true,
    halfOpen = {},
  } = options;
  const { fleet } = options;
  if (fleet !== undefined && typeof (fleet as Partial<typeof fleet> | null)?.join !== 'function') {
    throw new TypeError('breaker: fleet must be what fleet(redis) returns');
  }
  checkOptions('breaker: halfOpen', halfOpen, [
    'permittedCalls',
    'failureRateThreshold',
    'maxWait',
  ]);
  const { permittedCalls = 3, failureRateThreshold: halfOpenRate = 0.5 } = halfOpen;
  for (const needy of ['slowCallRateThreshold', 'blackHole'] as const) {
    if (options[needy] !== undefined && options.slowCallDuration === undefined) {
      throw new TypeError(`breaker: ${needy} needs slowCallDuration`);
    }
  }
  if (options.isProbe !== undefined) checkFunction('breaker: isProbe', options.isProbe);
  if (options.openOn !== undefined) checkFunction('breaker: openOn', options.openOn);
  const judge = judgeOf(options);
  return {
    failureThreshold:
      failureThreshold === undefined
        ? Infinity
        : checkNumber('breaker: failureThreshold', failureThreshold, { min: 1, integer: true }),
    failureRateThreshold: failureRate(failureRateThreshold, failureThreshold !== undefined),
    minimumCalls: minimumCalls(options.minimumCalls, window),
    window,
    slowCallDuration:
      options.slowCallDuration === undefined
        ? Infinity
        : checkNumber('breaker: slowCallDuration', options.slowCallDuration, { above: 0 }),
    slowCallRateThreshold: share('slowCallRateThreshold', slowCallRateThreshold),
    blackHole: checkBoolean('breaker: blackHole', blackHole),
    resetTimeout:
      typeof resetTimeout === 'function'
        ? resetTimeout
        : checkNumber('breaker: resetTimeout', resetTimeout, { min: 0 }),
    permittedCalls: checkNumber('breaker: halfOpen.permittedCalls', permittedCalls, {
      min: 1,
      max: 1_000,
      integer: true,
    }),
    halfOpenRate: share('halfOpen.failureRateThreshold', halfOpenRate),
    maxWait:
      halfOpen.maxWait === undefined
        ? undefined
        : checkNumber('breaker: halfOpen.maxWait', halfOpen.maxWait, { above: 0, infinity: true }),
    isProbe: options.isProbe,
    ramp: checkNumber('breaker: ramp', ramp, { min: 0 }),
    enforcement: checkNumber('breaker: enforcement', enforcement, { min: 0, max: 1 }),
    openOn: options.openOn,
    stalls: checkBoolean('breaker: stalls', stalls),
    judge,
    judgesNoValue: judge.isFailure === undefined && options.openOn === undefined,
  };
}

function failureRate(value: number | false | undefined, hasThreshold: boolean): number {
  if (value === false || (value === undefined && hasThreshold)) return Infinity;
  return share('failureRateThreshold', value === undefined ? 0.5 : value);
}

function share(option: string, value: unknown): number {
  return checkNumber(`breaker: ${option}`, value, { above: 0, max: 1 });
}

function minimumCalls(value: number | undefined, window: Settings['window']): number {
  const most = window.kind === 'count' ? window.size : undefined;
  if (value === undefined) return Math.min(20, most ?? 20);
  const rule = { min: 1, integer: true } as const;
  return checkNumber(
    'breaker: minimumCalls',
    value,
    most === undefined ? rule : { ...rule, max: most },
  );
}

const DEFAULT_WINDOW = { kind: 'time', duration: 30_000, buckets: 10 } as const;

function windowOf(window: CircuitBreakerOptions['slidingWindow']): Settings['window'] {
  if (window === undefined) return DEFAULT_WINDOW;
  checkOptions('breaker: slidingWindow', window, ['duration', 'buckets', 'size']);
  const given = window as { duration?: number; buckets?: number; size?: number };
  const { duration, buckets = 10, size } = given;
  if (size === undefined) {
    return {
      kind: 'time',
      duration: checkNumber('breaker: slidingWindow.duration', duration, { above: 0 }),
      buckets: checkNumber('breaker: slidingWindow.buckets', buckets, {
        min: 1,
        max: 1_000,
        integer: true,
      }),
    };
  }
  if (duration !== undefined || given.buckets !== undefined) {
    throw new TypeError('breaker: slidingWindow takes either duration and buckets, or size');
  }
  return {
    kind: 'count',
    size: checkNumber('breaker: slidingWindow.size', size, { min: 1, max: 100_000, integer: true }),
  };
}
