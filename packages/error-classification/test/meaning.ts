import type { Category, Classifier, Retryable } from '../src/index.ts';

/** What a caller acts on: the row that was found, and its three answers. */
export type Meaning = readonly [
  row: string | undefined,
  category: Category,
  retryable: Retryable,
  breakerFailure: boolean,
];

/** What a classifier says of an error, short enough to be compared with a line of a table. */
export function meaningOf(classifier: Classifier, error: unknown): Meaning {
  const { code, category, retryable, breakerFailure } = classifier(error);
  return [code, category, retryable, breakerFailure];
}

/** The error of a call that must fail. */
export async function rejection(call: PromiseLike<unknown>): Promise<unknown> {
  try {
    await call;
  } catch (error) {
    return error;
  }
  throw new Error('the call should have failed');
}

/** Waits until something is so: asks again every 10 ms, for at most 10 seconds. */
export async function until(condition: () => Promise<boolean> | boolean): Promise<void> {
  const end = performance.now() + 10_000;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error('the condition did not come true within 10 s');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
