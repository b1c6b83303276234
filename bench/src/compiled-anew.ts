/**
 * A function compiled anew at each call, so that the subjects of a benchmark share no type
 * feedback: the one place where `new Function` is right.
 */
export function compiledAnew(parameters: readonly string[], body: string): unknown {
  // oxlint-disable-next-line typescript/no-implied-eval
  return new Function(...parameters, body);
}
