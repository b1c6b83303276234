import type { Component } from '@fournines/core';
import { handleWhen, retry } from 'cockatiel';
import { expectTypeOf, test } from 'vitest';
import { errorStatistics, isBreakerFailure, isTransient } from '../src/index.ts';

test('error statistics are a component of core', () => {
  expectTypeOf(errorStatistics()).toExtend<Component>();
});

test('the guards fit cockatiel', () => {
  expectTypeOf(retry(handleWhen(isTransient), { maxAttempts: 1 }).execute).toBeFunction();
  expectTypeOf(handleWhen(isBreakerFailure)).toBeObject();
});
