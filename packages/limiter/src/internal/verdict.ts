import type { CallOptions } from '@fournines/core';
import type { Attempt } from '@fournines/core/authoring';
import { reportOnce } from '@fournines/core/authoring';
import { isOverload, isRefusal } from './overload.ts';

/**
 * What an outcome says about the callee: it did its work, it is overloaded, or nothing (the caller
 * gave up, or a policy further in never let the call start).
 */
export type Verdict = 'accepted' | 'overload' | 'nothing';

/** Judges errors by the user's predicate, or by the structural rule. */
function judge(
  owner: string,
  predicate: ((error: unknown) => boolean) | undefined,
  error: unknown,
): Verdict {
  if (isRefusal(error)) return 'nothing';
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

/** As {@link judge}, for a permit: an error after the caller's own abort is the abort's. */
export function judgePermit(
  owner: string,
  predicate: ((error: unknown) => boolean) | undefined,
  error: unknown,
  call: CallOptions | undefined,
): Verdict {
  return call?.signal?.aborted === true ? 'nothing' : judge(owner, predicate, error);
}
