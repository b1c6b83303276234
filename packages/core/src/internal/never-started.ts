import { deadlineOf } from '../deadline.ts';
import { DeadlineExceededError, isResilienceError } from '../errors.ts';
import { withoutStack } from './cheap-error.ts';

/**
 * What a call is refused with whose signal is aborted before it starts: the caller's own reason, by
 * identity. Only the timeout of a deadline that has passed says "time ran out while it worked",
 * which is not so here: the call was never started.
 */
export function neverStarted(signal: AbortSignal): unknown {
  const reason: unknown = signal.reason;
  const policy = timedOutBy(reason);
  if (policy === undefined || deadlineOf(signal)?.expired !== true) return reason;
  return withoutStack(() => new DeadlineExceededError(policy, { cause: reason }));
}

/** The policy whose timeout it is. A reason may be anything, also unreadable. */
function timedOutBy(reason: unknown): string | undefined {
  try {
    return isResilienceError(reason) && reason.code === 'ETIMEDOUT' ? reason.policy : undefined;
  } catch {
    return undefined;
  }
}
