export { type Bulkhead, type BulkheadOptions, type BulkheadReason, bulkhead } from './bulkhead.ts';
export type {
  ChangingLimiter,
  LimitChangeEvent,
  Limiter,
  LimiterEvent,
  LimiterSnapshot,
  RejectEvent,
} from './limiter.ts';
