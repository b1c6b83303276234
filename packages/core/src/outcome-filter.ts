/** A filter of outcomes, read structurally: what cockatiel's `handleAll`, `handleWhen(…)`, `handleType(…)`, `handleResultType(…)` return. */
export interface OutcomeFilter {
  /** What it accepts. */
  readonly options: {
    /** Whether an error is a failure that this policy handles. */
    readonly errorFilter: (error: unknown) => boolean;
    /** Whether a value is one. */
    readonly resultFilter: (value: unknown) => boolean;
  };
}

/**
 * Checks that `filter` is one.
 *
 * @param option Who and what, for the message: `retry: handle`.
 * @throws TypeError otherwise.
 */
export function checkOutcomeFilter(option: string, filter: unknown): OutcomeFilter {
  const options = (filter as Partial<OutcomeFilter> | null)?.options;
  const isFilter =
    typeof options?.errorFilter === 'function' && typeof options.resultFilter === 'function';
  if (isFilter) return filter as OutcomeFilter;
  throw new TypeError(`${option} must be a filter of cockatiel (handleWhen, handleType, …)`);
}
