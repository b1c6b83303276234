import {
  checkBoolean,
  checkNumber,
  checkOneOf,
  checkOptions,
} from '@fournines/core/authoring';
import type { TimeoutDuration, TimeoutOptions } from '../timeout.ts';

/** Options of a timeout, checked and complete but for `name` and `clock`. */
export type CheckedOptions = Required<Omit<TimeoutOptions, 'name' | 'clock'>> &
  Pick<TimeoutOptions, 'name' | 'clock'>;

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

/** Checks the options of a timeout and fills in the defaults. */
export function checkedOptions(options: TimeoutOptions): CheckedOptions {
  checkOptions('timeout', options, KNOWN);
  return {
    ...options,
    duration: checkDuration('timeout: duration', options.duration),
    mode: checkOneOf('timeout: mode', options.mode ?? 'race', ['race', 'cooperative']),
    grace: checkNumber('timeout: grace', options.grace ?? 0, { min: 0 }),
    slowRatio: checkNumber('timeout: slowRatio', options.slowRatio ?? 0.8, { min: 0, max: 1 }),
    unref: checkBoolean('timeout: unref', options.unref ?? false),
    captureStack: checkBoolean('timeout: captureStack', options.captureStack ?? false),
  };
}

/** Checks a duration: a number > 0, Infinity included, or a function. */
export function checkDuration(option: string, duration: TimeoutDuration): TimeoutDuration {
  if (typeof duration === 'function') return duration;
  return checkNumber(option, duration, { above: 0, infinity: true });
}
