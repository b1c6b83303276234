import type { Attempt } from '@fournines/core/authoring';
import { type Admission, DONE } from './admission.ts';

/** The failure of an attempt; of one that was aborted from further out, it says nothing. */
export function settleFailure(
  admission: Admission,
  error: unknown,
  attempt: Attempt,
  index: number,
): void {
  const { circuit } = admission;
  if (admission.generation !== DONE && attempt.isAborted(index)) circuit.ignore(admission);
  else circuit.failure(admission, error);
}

/** The abort of an attempt: its verdict is passed now, and the attempt goes on without a say. */
export function abandonAttempt(
  admission: Admission | undefined,
  reason: unknown,
  attempt: Attempt,
  index: number,
): void {
  // A listener may abort a call while it is being admitted: its failure follows then.
  if (admission === undefined) return;
  attempt.setToken(index, admission.circuit.abandon(admission, reason, attempt.isWaiting));
}
