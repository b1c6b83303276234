import type { CallContext, CommonOptions, Deadline } from '@fournines/core';
import { checkBoolean, checkNumber, checkOneOf, checkOptions } from '@fournines/core/authoring';

/** What a call under a timeout receives. */
export interface TimeoutContext extends CallContext {
  /** The moment by which the call must be done: the earlier of this timeout's and the outer ones'. */
  readonly deadline: Deadline;
}

/** Options of {@link timeout}. */
export interface TimeoutOptions extends CommonOptions {
  /**
   * How long a call may take, in milliseconds, > 0. Infinity switches it off; the context has a
   * deadline all the same. A function gives each call its own; one that throws, or returns what is
   * no duration, is reported once and 30 000 ms are taken.
   */
  readonly duration: number | ((context: CallContext) => number);
  /**
   * `race` (default): answers the caller as soon as time is up, whether or not the callee heeds its
   * signal. `cooperative`: aborts the callee and waits for it, so that no work outlives the call.
   */
  readonly mode?: 'race' | 'cooperative';
  /**
   * How long to wait after the abort for the callee's own, richer error, in milliseconds, ≥ 0.
   * Default 0: not at all. Only in mode `race`; `cooperative` waits without end.
   */
  readonly grace?: number;
  /** A call that ended in time, but took longer than this share of it, is counted and announced as slow. 0 to 1, default 0.8. */
  readonly slowRatio?: number;
  /** Whether the process may end while a call is pending. Default false: a lone `await` settles. */
  readonly unref?: boolean;
  /** Whether the error's stack points at the caller. Costs microseconds for each call. Default false. */
  readonly captureStack?: boolean;
}

const KNOWN = [
  'duration',
  'mode',
  'grace',
  'slowRatio',
  'unref',
  'captureStack',
  'name',
  'clock',
] as const;

/** Options with every default filled in. */
export type CheckedOptions = Required<Omit<TimeoutOptions, 'name' | 'clock'>> & CommonOptions;

/** Checks options and fills in defaults. Throws TypeError or RangeError; messages begin with `owner`. */
export function checkTimeoutOptions(input: TimeoutOptions, owner = 'timeout'): CheckedOptions {
  checkOptions(owner, input, KNOWN);
  const { duration } = input;
  if (typeof duration !== 'function') checkDuration(`${owner}: duration`, duration);
  const mode = checkOneOf(`${owner}: mode`, input.mode ?? 'race', ['race', 'cooperative']);
  const grace = checkNumber(`${owner}: grace`, input.grace ?? 0, { min: 0 });
  if (grace > 0 && mode === 'cooperative') {
    throw new RangeError(`${owner}: grace must be 0 in mode 'cooperative', got ${grace}`);
  }
  return {
    ...input,
    duration,
    mode,
    grace,
    slowRatio: checkNumber(`${owner}: slowRatio`, input.slowRatio ?? 0.8, { min: 0, max: 1 }),
    unref: checkBoolean(`${owner}: unref`, input.unref ?? false),
    captureStack: checkBoolean(`${owner}: captureStack`, input.captureStack ?? false),
  };
}

/** Checks a duration: > 0, Infinity allowed. */
export function checkDuration(option: string, duration: unknown): number {
  return checkNumber(option, duration, { above: 0, infinity: true });
}
