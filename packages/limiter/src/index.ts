export {
  type AdaptiveLimit,
  type AdaptiveLimitOptions,
  type AdaptiveLimitReason,
  adaptiveLimit,
} from './adaptive-limit.ts';
export {
  type AdaptiveThrottle,
  type AdaptiveThrottleOptions,
  type AdaptiveThrottleReason,
  type AdaptiveThrottleSnapshot,
  adaptiveThrottle,
} from './adaptive-throttle.ts';
export { type Bulkhead, type BulkheadOptions, type BulkheadReason, bulkhead } from './bulkhead.ts';
export {
  type EventLoopLimit,
  type EventLoopLimitOptions,
  type EventLoopLimitReason,
  eventLoopLimit,
} from './event-loop-limit.ts';
export type {
  FleetRateLimit,
  FleetRateLimitOptions,
  FleetRateLimitReason,
} from './fleet-rate-limit.ts';
export type { RedisScripts } from './internal/remote-gcra.ts';
export type {
  ChangingLimiter,
  LimitChangeEvent,
  Limiter,
  LimiterEvent,
  LimiterSnapshot,
  RejectEvent,
} from './limiter.ts';
export {
  type RateLimit,
  type RateLimitOptions,
  type RateLimitReason,
  rateLimit,
} from './rate-limit.ts';
