import * as cockatiel from 'cockatiel';
import type {
  Event as TheirEvent,
  IDisposable,
  IFailureEvent,
  IPolicy,
  ISuccessEvent,
} from 'cockatiel';
import { expectTypeOf } from 'vitest';
import {
  type CallContext,
  type CallOptions,
  type Clock,
  type Component,
  type ComponentEvent,
  type Composed,
  type ContextOf,
  type Deadline,
  type DeadlineScope,
  type Event,
  type FallbackPolicy,
  type MergedContext,
  type Policy,
  type PolicyError,
  type Snapshot,
  type Timer,
  compose,
  deadline,
  deadlineOf,
  definePolicy,
  fallback,
  isResilienceError,
  stream,
} from '../src/index.ts';

interface TriesContext extends CallContext {
  readonly attempt: number;
}
interface TimedContext extends CallContext {
  readonly deadline: Deadline;
}
declare const tries: Policy<TriesContext>;
declare const timed: Policy<TimedContext>;
declare const theirRetry: cockatiel.RetryPolicy;
declare const theirTimeout: cockatiel.TimeoutPolicy;
declare const theirBreaker: cockatiel.CircuitBreakerPolicy;
declare const theirBulkhead: cockatiel.BulkheadPolicy;
declare const theirFallback: cockatiel.FallbackPolicy<'theirs'>;
const ours = fallback(() => true, 'ours' as const);

// The contract, as it is written down.
expectTypeOf<Policy>().toExtend<IPolicy<CallContext>>();
expectTypeOf<Policy>().toExtend<Component>();
expectTypeOf<Policy<TimedContext, Snapshot, 'x'>>().toExtend<IPolicy<TimedContext, 'x'>>();
expectTypeOf<CallContext>().toExtend<CallOptions>();
expectTypeOf<CallContext>().toEqualTypeOf<{ readonly signal: AbortSignal }>();
expectTypeOf<Clock>().toHaveProperty('setTimeout').returns.toEqualTypeOf<Timer>();
expectTypeOf<Event<ComponentEvent>>().toExtend<TheirEvent<ComponentEvent>>();
expectTypeOf<ReturnType<Event<number>>>().toExtend<IDisposable & Disposable>();
expectTypeOf<Policy['onSuccess']>().toEqualTypeOf<Event<ISuccessEvent>>();
expectTypeOf<Policy['onFailure']>().toEqualTypeOf<Event<IFailureEvent>>();
expectTypeOf<{
  readonly at: number;
  readonly remainingMs: number;
  readonly expired: boolean;
}>().toEqualTypeOf<Deadline>();

// Contexts and answers merge.
expectTypeOf<ContextOf<typeof tries>>().toEqualTypeOf<TriesContext>();
expectTypeOf<MergedContext<[typeof tries, typeof timed]>>().toExtend<TriesContext & TimedContext>();
expectTypeOf<MergedContext<[]>>().toEqualTypeOf<CallContext>();
expectTypeOf(ours).toEqualTypeOf<FallbackPolicy<'ours'>>();
expectTypeOf(compose(tries, timed)).toEqualTypeOf<
  Composed<[Policy<TriesContext>, Policy<TimedContext>]>
>();
compose(ours, tries, timed).execute(({ attempt, deadline: left, signal }) => {
  expectTypeOf(attempt).toEqualTypeOf<number>();
  expectTypeOf(left).toEqualTypeOf<Deadline>();
  expectTypeOf(signal).toEqualTypeOf<AbortSignal>();
});
expectTypeOf(ours.execute(() => 1)).toEqualTypeOf<Promise<number | 'ours'>>();
expectTypeOf(compose(tries, compose(timed, ours)).execute(async () => 1)).toEqualTypeOf<
  Promise<number | 'ours'>
>();
expectTypeOf(tries.execute(() => 1)).toEqualTypeOf<Promise<number>>();
expectTypeOf(
  fallback(
    () => true,
    async () => 5,
  ),
).toEqualTypeOf<FallbackPolicy<number>>();

// cockatiel's seven at every place of `compose`, without a cast.
compose(
  theirRetry,
  tries,
  theirTimeout,
  theirBreaker,
  theirBulkhead,
  cockatiel.noop,
  theirFallback,
  cockatiel.wrap(theirRetry, theirTimeout),
).execute((context) => {
  expectTypeOf(context.attempt).toEqualTypeOf<number>();
  expectTypeOf(context.signal).toEqualTypeOf<AbortSignal>();
});
expectTypeOf(compose(theirFallback, ours, tries).execute(() => 1)).toEqualTypeOf<
  Promise<number | 'theirs' | 'ours'>
>();

// Ours at every place of cockatiel's `wrap`.
cockatiel.wrap(timed, theirRetry).execute(({ attempt, deadline: left }) => {
  expectTypeOf(attempt).toEqualTypeOf<number>();
  expectTypeOf(left).toEqualTypeOf<Deadline>();
});
cockatiel
  .wrap(theirRetry, timed)
  .execute(({ deadline: left }) => expectTypeOf(left).toEqualTypeOf<Deadline>());
cockatiel
  .wrap(theirRetry, compose(timed, tries), theirTimeout)
  .execute(({ deadline: left }) => expectTypeOf(left).toEqualTypeOf<Deadline>());
expectTypeOf(cockatiel.wrap(ours, theirRetry).execute(() => 1)).toEqualTypeOf<
  Promise<number | 'ours'>
>();
compose(tries, cockatiel.wrap(timed, theirRetry)).execute(({ deadline: left }) =>
  expectTypeOf(left).toEqualTypeOf<Deadline>(),
);

// The rest of the surface.
expectTypeOf(deadline(5)).toEqualTypeOf<DeadlineScope>();
expectTypeOf(deadlineOf)
  .parameter(0)
  .toEqualTypeOf<AbortSignal | CallContext | CallOptions | undefined>();
expectTypeOf(
  definePolicy({
    kind: 'k',
    enter: () => 5,
    success: (_value, token) => expectTypeOf(token).toEqualTypeOf<number>(),
  }),
).toExtend<Policy>();
expectTypeOf(
  stream(theirRetry, async () => new ReadableStream<string>(), { idle: 5, key: 'k' }),
).toExtend<AsyncIterable<string>>();
declare const thrown: unknown;
if (isResilienceError(thrown)) {
  expectTypeOf(thrown).toEqualTypeOf<PolicyError>();
  if (thrown.code === 'ECIRCUITOPEN') expectTypeOf(thrown.retryAfterMs).toEqualTypeOf<number>();
  if (thrown.code === 'ETIMEDOUT') expectTypeOf(thrown.durationMs).toEqualTypeOf<number>();
}
// @ts-expect-error -- a policy is needed, not a function
compose(() => 1);
// @ts-expect-error -- the only form of a subscription: no event names
ours.onEvent('fallback', () => {});
