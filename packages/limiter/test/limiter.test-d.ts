import type { CallContext, Permit, Policy, Rejection } from '@fournines/core';
import { compose } from '@fournines/core';
import type { Cluster, Redis } from 'ioredis';
import { expectTypeOf } from 'vitest';
import {
  type FleetRateLimit,
  type RateLimit,
  type RedisScripts,
  adaptiveLimit,
  adaptiveThrottle,
  bulkhead,
  eventLoopLimit,
  rateLimit,
} from '../src/index.ts';

declare const redis: Redis;

expectTypeOf<Redis>().toExtend<RedisScripts>();
expectTypeOf<Cluster>().toExtend<RedisScripts>();
expectTypeOf(rateLimit({ limit: 1, interval: 1 })).toEqualTypeOf<RateLimit>();
expectTypeOf(rateLimit({ limit: 1, interval: 1, redis, key: 'k' })).toEqualTypeOf<FleetRateLimit>();
expectTypeOf(bulkhead({ maxConcurrent: 1 })).toExtend<Policy>();
expectTypeOf(bulkhead({ maxConcurrent: 1 }).tryAcquire()).toEqualTypeOf<Permit | Rejection>();
expectTypeOf(bulkhead({ maxConcurrent: 1 }).execute(() => 1)).toEqualTypeOf<Promise<number>>();
expectTypeOf(
  compose(
    adaptiveThrottle(),
    adaptiveLimit(),
    eventLoopLimit(),
    bulkhead({ maxConcurrent: 1 }),
  ).execute((context) => {
    expectTypeOf(context).toExtend<CallContext>();
    return 'x';
  }),
).toEqualTypeOf<Promise<string>>();

// @ts-expect-error maxConcurrent has no default
bulkhead({});
// @ts-expect-error no such order
bulkhead({ maxConcurrent: 1, order: 'random' });
// @ts-expect-error a fleet's limit needs a key
rateLimit({ limit: 1, interval: 1, redis });
