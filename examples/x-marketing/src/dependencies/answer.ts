import { isResilienceError } from '@fournines/core';
import { HttpError, classify } from '@fournines/error-classification';

/** What a dependency answered, or what stands in for it. */
export interface Answer<T> {
  readonly data: T;
  /** Present when the answer is not the dependency's own. */
  readonly meta?: { readonly state: 'fallback'; readonly ageMs: number; readonly reason: string };
}

/** An answer made without the dependency. */
export function fallbackAnswer<T>(data: T, error: unknown): Answer<T> {
  return { data, meta: { state: 'fallback', ageMs: 0, reason: classify(error).category } };
}

/** Whether a failure is the dependency's and not the client's: only then may something else answer. */
export function isDependencyFailure(error: unknown): boolean {
  // Whatever status an upstream answers with: it was our request, not the client's.
  if (isResilienceError(error) || error instanceof HttpError) return true;
  const { category } = classify(error);
  return !['cancelled', 'validation', 'not-found', 'limit-exceeded', 'bug'].includes(category);
}
