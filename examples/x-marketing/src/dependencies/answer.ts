import { classify } from '@fournines/error-classification';

/** An answer, and where it comes from when it is not fresh. */
export interface Answer<T> {
  readonly data: T;
  /** Absent when the dependency itself answered. */
  readonly meta?: {
    readonly state: 'fallback';
    /** Milliseconds since the answer was made; 0 for one that is made ahead. */
    readonly ageMs: number;
    /** Why the dependency did not answer: the category of its failure. */
    readonly reason: string;
  };
}

/** An answer that stands in for a dependency that is gone. */
export function standIn<T>(data: T, error: unknown): Answer<T> {
  return { data, meta: { state: 'fallback', ageMs: 0, reason: classify(error).category } };
}
