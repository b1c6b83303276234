/**
 * Checks of options, for authors of policies. Each throws at creation and names option, rule and
 * value: `breaker: failureRateThreshold must be > 0 and <= 1, got 50`.
 */
import type { Clock } from './clock.ts';

/** Bounds of a number. */
export interface NumberRule {
  /** Smallest value that is allowed. */
  readonly min?: number;
  /** The value must be greater than this. */
  readonly above?: number;
  /** Largest value that is allowed. */
  readonly max?: number;
  /** Only whole numbers. Default false. */
  readonly integer?: boolean;
  /** Whether Infinity is allowed. Default false. */
  readonly infinity?: boolean;
}

/**
 * Checks that `value` is a number within `rule` and returns it.
 *
 * @param option Who and what, for the message: `timeout: duration`.
 * @throws TypeError when it is not a number, RangeError when it is out of bounds or NaN.
 */
export function checkNumber(option: string, value: unknown, rule: NumberRule = {}): number {
  if (typeof value !== 'number') {
    throw new TypeError(`${option} must be ${describeRule(rule)}, got ${show(value)}`);
  }
  const fits =
    !Number.isNaN(value) &&
    (rule.infinity === true || Number.isFinite(value)) &&
    (rule.min === undefined || value >= rule.min) &&
    (rule.above === undefined || value > rule.above) &&
    (rule.max === undefined || value <= rule.max) &&
    (rule.integer !== true || Number.isInteger(value) || value === Infinity);
  if (!fits) throw new RangeError(`${option} must be ${describeRule(rule)}, got ${show(value)}`);
  return value;
}

/**
 * Checks that `value` is one of `allowed` and returns it.
 *
 * @throws TypeError otherwise.
 */
export function checkOneOf<T extends string>(
  option: string,
  value: unknown,
  allowed: readonly T[],
): T {
  const found = allowed.find((candidate) => candidate === value);
  if (found !== undefined) return found;
  const list = allowed.map((candidate) => `'${candidate}'`).join(', ');
  throw new TypeError(`${option} must be one of ${list}, got ${show(value)}`);
}

/**
 * Checks that `value` is true or false and returns it.
 *
 * @throws TypeError otherwise.
 */
export function checkBoolean(option: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value;
  throw new TypeError(`${option} must be true or false, got ${show(value)}`);
}

/**
 * Checks that `value` is a function and returns it.
 *
 * @throws TypeError otherwise.
 */
export function checkFunction<F>(option: string, value: F): F {
  if (typeof value === 'function') return value;
  throw new TypeError(`${option} must be a function, got ${show(value)}`);
}

/**
 * Checks that `options` is an object whose keys are all among `known`: a misspelt or unknown option is refused, never
 * ignored.
 *
 * @throws TypeError otherwise, naming the option and those that exist.
 */
export function checkOptions(owner: string, options: unknown, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new TypeError(`${owner}: options must be an object, got ${show(options)}`);
  }
  for (const key of Object.keys(options)) {
    if (!known.includes(key)) {
      throw new TypeError(`${owner}: unknown option ${show(key)}; known are ${known.join(', ')}`);
    }
  }
}

/**
 * Checks a `name` option, if there is one, and returns it.
 *
 * @throws TypeError when it is not a string, or empty.
 */
export function checkName(owner: string, name: unknown): string | undefined {
  if (name === undefined || (typeof name === 'string' && name !== '')) return name;
  throw new TypeError(`${owner}: name must be a non-empty string, got ${show(name)}`);
}

/**
 * Checks a `clock` option, if there is one, and returns it.
 *
 * @throws TypeError when it lacks one of a clock's three methods.
 */
export function checkClock(owner: string, clock: Clock | undefined): Clock | undefined {
  const isClock =
    clock === undefined ||
    (typeof clock === 'object' &&
      clock !== null &&
      [clock.now, clock.wall, clock.setTimeout].every((method) => typeof method === 'function'));
  if (isClock) return clock;
  throw new TypeError(
    `${owner}: clock must be an object with now, wall and setTimeout, got ${show(clock)}`,
  );
}

function describeRule(rule: NumberRule): string {
  const bounds = [
    rule.above === undefined ? undefined : `> ${rule.above}`,
    rule.min === undefined ? undefined : `>= ${rule.min}`,
    rule.max === undefined ? undefined : `<= ${rule.max}`,
  ].filter((bound) => bound !== undefined);
  const noun = rule.integer === true ? 'an integer' : 'a number';
  const infinity = rule.infinity === true && rule.max === undefined ? ' (Infinity is allowed)' : '';
  if (bounds.length === 0) return noun + infinity;
  return `${rule.integer === true ? 'an integer ' : ''}${bounds.join(' and ')}${infinity}`;
}

/** A value as it reads in a message: short, on one line, never throwing. */
export function show(value: unknown): string {
  if (typeof value === 'string') {
    const line = value.replaceAll(/\s+/g, ' ');
    return `'${line.length > 60 ? `${line.slice(0, 60)}…` : line}'`;
  }
  if (value === null || ['number', 'boolean', 'undefined', 'bigint'].includes(typeof value)) {
    return String(value);
  }
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'function' ? 'a function' : `a value of type ${typeof value}`;
}
