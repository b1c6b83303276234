import { expect, it } from 'vitest';
import { healthLevel } from '../src/health/level.ts';

const up = { status: 'up', critical: false } as const;
const optionalOut = { status: 'down', critical: false } as const;
const criticalOut = { status: 'down', critical: true } as const;

it('grades what is out', () => {
  expect(healthLevel(true, [up, up])).toBe(0);
  expect(healthLevel(true, [up, optionalOut])).toBe(1);
  expect(healthLevel(true, [up, optionalOut, optionalOut])).toBe(2);
  expect(healthLevel(true, [up, criticalOut])).toBe(2);
  expect(healthLevel(true, [criticalOut, optionalOut])).toBe(3);
  expect(healthLevel(false, [up])).toBe(3);
});
