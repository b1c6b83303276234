import { type Policy, compose } from '@fournines/core';
import { type IPolicy, handleAll, wrap } from 'cockatiel';
import type { Redis } from 'ioredis';
import { expectTypeOf } from 'vitest';
import {
  type CircuitBreaker,
  type CircuitState,
  breakerPresets,
  circuitBreaker,
  circuitBreakers,
  type fleet,
} from '../src/index.ts';

const policy = circuitBreaker({ ...breakerPresets.database, handle: handleAll });
expectTypeOf(policy).toExtend<Policy>();
expectTypeOf(policy).toExtend<IPolicy>();
expectTypeOf(policy.state).toEqualTypeOf<CircuitState>();
expectTypeOf(policy.execute(() => 1)).toEqualTypeOf<Promise<number>>();
expectTypeOf(compose(policy).execute(async () => 'x')).toEqualTypeOf<Promise<string>>();
expectTypeOf(wrap(policy).execute(() => 1)).toEqualTypeOf<Promise<number>>();
expectTypeOf(circuitBreakers(() => ({})).get('x')).toEqualTypeOf<CircuitBreaker | undefined>();
expectTypeOf<Redis>().toExtend<Parameters<typeof fleet>[0]>();

const permit = policy.tryAcquire();
if (permit.granted) permit.success();
else expectTypeOf(permit.error).toExtend<Error>();

// @ts-expect-error an option that does not exist
circuitBreaker({ failureTreshold: 3 });
// @ts-expect-error a window is either over time or over calls
circuitBreaker({ slidingWindow: { buckets: 3 } });
// @ts-expect-error a name is given once
policy.configure({ name: 'other' });
