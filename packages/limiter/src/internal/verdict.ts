import type { Attempt } from '@fournines/core/authoring';
import { reportOnce } from '@fournines/core/authoring';
import { isOverload, isOwnRefusal } from './overload.ts';

/**
 * What an outcome says about the callee: it did its work, it is overloaded, or nothing (the caller
 * gave up, or a policy further in never let the call start).
 */
export type Verdict = 'accepted' | 'overload' | 'nothing';

/** Judges errors by the user's predicate, or by the structural rule. */
export function judge(
  owner: string,
  predicate: ((error: unknown) => boolean) | undefined,
  error: unknown,
): Verdict {
  if (isOwnRefusal(error)) return 'nothing';
  if (predicate === undefined) return isOverload(error) ? 'overload' : 'accepted';
  try {
    return predicate(error) ? 'overload' : 'accepted';
  } catch (thrown) {
    // The safe answer: what cannot be judged counts against the callee.
    reportOnce(predicate, `${owner}: isOverload`, thrown);
    return 'overload';
  }
}

/** As {@link judge}, for a call in a chain: an error after an abort is the abort's. */
export function judgeCall(
  owner: string,
  predicate: ((error: unknown) => boolean) | undefined,
  error: unknown,
  attempt: Attempt,
  index: number,
): Verdict {
  return attempt.isAborted(index) ? 'nothing' : judge(owner, predicate, error);
}
