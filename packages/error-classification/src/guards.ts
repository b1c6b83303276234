import { classify } from './classify.ts';

/** Whether the error says that the dependency is unhealthy; fits cockatiel's `handleWhen`, for circuit breakers. */
export function isBreakerFailure(error: unknown): boolean {
  return classify(error).breakerFailure;
}

/**
 * Whether the call can be repeated whatever it does: the first try is known not to have taken effect, and a second may
 * succeed. Fits cockatiel's `handleWhen`, for retries.
 */
export function isTransient(error: unknown): boolean {
  return classify(error).retryable === 'yes';
}

/** As `isTransient`, and whether the call can be repeated only because it is idempotent: its outcome may be unknown. */
export function isTransientIfIdempotent(error: unknown): boolean {
  return classify(error).retryable !== 'no';
}
