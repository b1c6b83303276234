import type { GiveUpReason } from './retry-policy.ts';

/** What a retry policy did before it gave up with an error. */
export interface RetryInfo {
  /** How many attempts were made, the first included. One that an open breaker further in refused is none. */
  readonly attempts: number;
  /** What the attempts failed with, in order: the last ten at most. Of a breaker's refusals, only one that ended the call. */
  readonly errors: readonly unknown[];
  /** How long it waited between them, in milliseconds. */
  readonly totalDelayMs: number;
  /** Why it gave up. */
  readonly reason: GiveUpReason;
  /** How long the server or the breaker asked to wait, in milliseconds, where it did. */
  readonly retryAfterMs?: number;
}

const infos = new WeakMap<object, RetryInfo>();

/**
 * What happened before an error reached the caller, or undefined when no retry policy gave up with
 * it. The error itself is not touched: a frozen one works, a thrown string has no history. An
 * error object that fails several calls tells of the latest.
 */
export function retryInfo(error: unknown): RetryInfo | undefined {
  return isObject(error) ? infos.get(error) : undefined;
}

/** Remembers what happened, for as long as the error lives. */
export function rememberInfo(error: unknown, info: RetryInfo): void {
  if (isObject(error)) infos.set(error, info);
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}
