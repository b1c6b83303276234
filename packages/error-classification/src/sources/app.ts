import { type Fields, nameOf } from '../internal/fields.ts';
import type { Adjustment, Source } from '../internal/source.ts';
import { appErrors } from '../tables/app.ts';

const BUDGET = 'RetryBudgetExhausted';
const BUILT_IN = new Set(['TypeError', 'RangeError', 'ReferenceError', 'SyntaxError']);

/** Our own process: policies (ours, cockatiel's, opossum's), application errors, programming errors. */
export const app: Source = {
  tables: [appErrors],
  byCode: (key) => /^(?:ECIRCUITOPEN|ELIMITED|EDEADLINE|APP_[A-Z_]+)$/.test(key),
  aliases: { EOPENBREAKER: 'opossum:EOPENBREAKER', ESEMLOCKED: 'opossum:ESEMLOCKED' },
  wrappers: [...BUILT_IN],
  refine: {
    ECIRCUITOPEN: (error) =>
      error.isIsolatedCircuitError === true || error.state === 'isolated'
        ? 'ECIRCUITOPEN:isolated'
        : undefined,
  },
  match(error) {
    // cockatiel's errors have neither name nor code, but a brand.
    if (error.isIsolatedCircuitError === true) return 'IsolatedCircuitError';
    if (error.isBrokenCircuitError === true) return 'BrokenCircuitError';
    if (error.isHydratingCircuitError === true) return 'HydratingCircuitError';
    if (error.isBulkheadRejectedError === true) return 'BulkheadRejectedError';
    const name = nameOf(error);
    if (name === 'DeadlineExceededError') return name;
    if (error.isTaskCancelledError === true) return 'TaskCancelledError';
    if (name === 'ZodError' || name === '$ZodError' || name === 'ZodRealError') return 'ZodError';
    return name === BUDGET ? 'RetryBudgetExhausted (reason, not a class)' : undefined;
  },
  weak(error) {
    const name = nameOf(error);
    return BUILT_IN.has(name) ? name : undefined;
  },
  adjust: ownDelay,
};

function ownDelay(error: Fields): Adjustment | undefined {
  const { retryAfterMs } = error;
  return typeof retryAfterMs === 'number' && retryAfterMs >= 0 && Number.isFinite(retryAfterMs)
    ? { retryAfterMs }
    : undefined;
}
