/**
 * What a call receives. Under a composition it holds the fields of every policy of the chain
 * (`attempt`, `deadline`, …). It spreads like a plain object: `signal` is an own property.
 */
export interface CallContext {
  /**
   * Aborted when this attempt should stop: its time is up, the caller gave up, another attempt won.
   * Pass it on to `fetch`, to a query, to a sleep. Its `reason` is the error that the caller sees.
   */
  readonly signal: AbortSignal;
}

/**
 * What a caller may say about one call. A {@link CallContext} fits: as a parent, its abort and its
 * deadline go on. Under cockatiel's `wrap` only the signal arrives.
 */
export interface CallOptions {
  /** The caller's own abort. A signal that is aborted already never runs the call. */
  readonly signal?: AbortSignal | undefined;
  /** Which of a keyed group's members serves this call (a tenant, a host). Default `''`. */
  readonly key?: string;
  /** How much this call matters when limits are reached: higher goes first. Default 0. */
  readonly priority?: number;
  /** Whether the call may be repeated when it is unknown if the first try took effect. Default: the policy's own. */
  readonly idempotent?: boolean;
  /** Whatever your own predicates, probes and listeners want to know about the call. */
  readonly attributes?: Readonly<Record<string, unknown>>;
}
