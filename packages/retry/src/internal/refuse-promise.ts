/**
 * Refuses the promise with which a user's function answered where nobody waits for one. Its
 * rejection is nobody's either.
 *
 * @throws TypeError when it is a promise.
 */
export function refusePromise(answer: unknown): void {
  if (typeof answer !== 'object' || answer === null || !('then' in answer)) return;
  Promise.resolve(answer).catch(() => {});
  throw new TypeError('it must not be asynchronous, got a promise');
}

/** Asks a filter of the user's; what is true to an `if` is a yes. Throws when it does, or answers with a promise. */
export function ask(filter: (value: unknown) => unknown, value: unknown): boolean {
  const answer = filter(value);
  if (typeof answer !== 'boolean') refusePromise(answer);
  return Boolean(answer);
}
