import type { Category, Classification } from '../classification.ts';
import { fieldsOf } from './fields.ts';

/** The caller's own abort or deadline. It is nobody's failure, and nothing is repeated for a caller who has left. */
export function callerGone(error: unknown, signal: AbortSignal): Classification | undefined {
  let timedOut = false;
  try {
    if (!signal.aborted) return undefined;
    const reason = fieldsOf(signal.reason);
    timedOut =
      reason.name === 'TimeoutError' ||
      reason.isTaskCancelledError === true ||
      reason.code === 'EDEADLINE';
  } catch {
    return undefined;
  }
  const category: Category = timedOut ? 'timeout' : 'cancelled';
  return {
    category,
    severity: timedOut ? 'medium' : 'low',
    retryable: 'no',
    breakerFailure: false,
    httpStatus: timedOut ? 504 : 499,
    source: 'app',
    code: timedOut ? 'caller:deadline' : 'caller:aborted',
    error,
  };
}
