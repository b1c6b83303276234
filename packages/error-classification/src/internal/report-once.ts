const reported = new WeakSet<object>();

/** Tells the operator, once per function, that something given by the user threw; the call goes on without it. */
export function reportOnce(given: object, what: string, failure: unknown): void {
  if (reported.has(given)) return;
  reported.add(given);
  // Edge runtimes have no process warnings; there the throw is swallowed all the same.
  if (typeof process !== 'undefined' && typeof process.emitWarning === 'function') {
    process.emitWarning(`${what}: ${describe(failure)}`, {
      type: 'FourninesWarning',
      code: 'FOURNINES_USER_FUNCTION',
    });
  }
}

function describe(failure: unknown): string {
  try {
    return String(failure);
  } catch {
    return 'an error that cannot be shown';
  }
}
