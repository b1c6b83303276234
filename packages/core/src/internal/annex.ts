import type { Attempt } from './attempt.ts';

/** The scope of an attempt that nothing has aborted: further in than any stage. */
export const NOT_ABORTED = 1_000;

/**
 * What most attempts never need, made when one does: when it is aborted or repeats its inside, when
 * its signal is read, when it waits. It keeps the record of a call that simply goes well small.
 */
export class Annex {
  /** The attempt whose inner part this one repeats. */
  parent: Attempt | undefined = undefined;
  /** The stage after the one that repeats; 0 for the first attempt. */
  base = 0;
  /** Which try of the innermost retry this is, counted from 0. */
  number = 0;
  /** More fields of the context, from a foreign policy further out. */
  extra: object | undefined = undefined;
  /** The outermost stage that aborted its inside; −1: the caller. */
  abortScope: number = NOT_ABORTED;
  abortReason: unknown = undefined;
  controller: AbortController | undefined = undefined;
  /** The attempts that repeat an inner part of this one and have not settled: a list. */
  repetitions: Attempt | undefined = undefined;
  nextRepetition: Attempt | undefined = undefined;
  /** When the attempt began, while somebody listens to `onSuccess` or `onFailure`. */
  startedAt = 0;
}
