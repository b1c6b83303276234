/** Functions given by users that have thrown already: each is reported once. */
const reported = new WeakSet<object>();

/**
 * Reports that a function given by the user threw, as a process warning, once per function. What
 * it was called for goes on with the safe answer.
 *
 * @param fn The function that threw.
 * @param role What it is, for the message: `retry: shouldRetry`.
 * @param error What it threw.
 */
export function reportOnce(fn: object, role: string, error: unknown): void {
  if (reported.has(fn)) return;
  reported.add(fn);
  const warning = new Error(`${role} threw; the call went on without it: ${describe(error)}`, {
    cause: error,
  });
  warning.name = 'FourninesWarning';
  process.emitWarning(warning);
}

/**
 * Reports, once per function, that the promise which a user's function returned was rejected,
 * where nobody waits for that promise.
 *
 * @param result What the function returned.
 */
export function reportRejection(result: unknown, fn: object, role: string): void {
  if (typeof result !== 'object' || result === null || !('then' in result)) return;
  Promise.resolve(result).catch((error: unknown) => reportOnce(fn, role, error));
}

function describe(error: unknown): string {
  try {
    return String(error);
  } catch {
    return 'an error that cannot be shown';
  }
}
