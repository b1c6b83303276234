import type { Classifier } from './classification.ts';
import { engine } from './internal/engine.ts';
import { redis } from './sources/redis.ts';

export type {
  Category,
  Classification,
  Classifier,
  Retryable,
  Severity,
} from './classification.ts';
export type { ErrorRow, ErrorTable } from './internal/table.ts';
export { redisErrors } from './tables/redis.ts';
export { ioredisErrors } from './tables/ioredis.ts';
export { nodeRedisErrors } from './tables/node-redis.ts';

/** As `classify`, for Redis, ioredis and node-redis alone: no other table is loaded. */
export const classifyRedis: Classifier = /* @__PURE__ */ engine([redis]);
