import { expect, test } from 'vitest';
import {
  checkBoolean,
  checkFunction,
  checkNumber,
  checkOneOf,
  checkOptions,
} from '../src/authoring.ts';

test('a number out of bounds is named with option, rule and value', () => {
  const rule = { above: 0, max: 1 };
  expect(() => checkNumber('breaker: failureRateThreshold', 50, rule)).toThrow(
    new RangeError('breaker: failureRateThreshold must be > 0 and <= 1, got 50'),
  );
  expect(() => checkNumber('a', '5', rule)).toThrow(
    new TypeError("a must be > 0 and <= 1, got '5'"),
  );
  expect(() => checkNumber('a', 1.5, { integer: true, min: 1 })).toThrow(
    new RangeError('a must be an integer >= 1, got 1.5'),
  );
});

test('NaN is never allowed, Infinity only where it means something', () => {
  expect(() => checkNumber('a', Number.NaN, { infinity: true })).toThrow(RangeError);
  expect(() => checkNumber('a', Infinity, { min: 0 })).toThrow(RangeError);
  expect(checkNumber('a', Infinity, { infinity: true, integer: true })).toBe(Infinity);
});

test('the bounds themselves: min and max are allowed, above is not', () => {
  expect(checkNumber('a', 0, { min: 0 })).toBe(0);
  expect(checkNumber('a', 1, { max: 1 })).toBe(1);
  expect(() => checkNumber('a', 0, { above: 0 })).toThrow(RangeError);
});

test('one of, boolean, function', () => {
  expect(checkOneOf('a', 'x', ['x', 'y'])).toBe('x');
  expect(() => checkOneOf('a', 'z', ['x', 'y'])).toThrow(
    new TypeError("a must be one of 'x', 'y', got 'z'"),
  );
  expect(() => checkBoolean('a', 1)).toThrow(new TypeError('a must be true or false, got 1'));
  expect(() => checkFunction('a', null)).toThrow(new TypeError('a must be a function, got null'));
});

test('an unknown or misspelt option is refused, never ignored', () => {
  expect(() => checkOptions('retry', { maxAttemps: 3 }, ['maxAttempts'])).toThrow(
    new TypeError("retry: unknown option 'maxAttemps'; known are maxAttempts"),
  );
  for (const options of [null, 5, [], undefined]) {
    expect(() => checkOptions('retry', options, [])).toThrow(TypeError);
  }
});

test('a value in a message is short and on one line', () => {
  const message = (value: unknown): string => {
    try {
      checkBoolean('a', value);
    } catch (error) {
      return (error as Error).message;
    }
    return '';
  };
  expect(message('x'.repeat(500)).length).toBeLessThan(120);
  expect(message('two\nlines')).not.toContain('\n');
  expect(message(Symbol('s'))).toContain('symbol');
  expect(message(Object.create(null))).toContain('object');
});
