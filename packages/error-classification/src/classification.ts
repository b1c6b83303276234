/** What an error means, in one word: 20 categories and `unknown`. */
export type Category =
  | 'cancelled'
  | 'timeout'
  | 'network'
  | 'tls'
  | 'unavailable'
  | 'overload'
  | 'rate-limit'
  | 'quota'
  | 'failover'
  | 'contention'
  | 'resource-exhausted'
  | 'validation'
  | 'limit-exceeded'
  | 'authentication'
  | 'authorization'
  | 'not-found'
  | 'conflict'
  | 'configuration'
  | 'internal'
  | 'bug'
  | 'unknown';

/** How much a human should care: `critical` pages somebody, `low` is everyday traffic. */
export type Severity = 'low' | 'medium' | 'high' | 'critical';

/**
 * Whether to try again. `yes`: the first try is known not to have taken effect and a second may succeed;
 * `if-idempotent`: nobody knows whether it took effect; `no`: a second try cannot help.
 */
export type Retryable = 'yes' | 'if-idempotent' | 'no';

/** One answer to "what does this error mean", the same for retry, breaker, cache, metrics, logs and HTTP answers. */
export interface Classification {
  /** What kind of failure it is. */
  readonly category: Category;
  /** How much a human should care. */
  readonly severity: Severity;
  /** Whether a second try is safe and may help. */
  readonly retryable: Retryable;
  /** Evidence that the dependency is unhealthy; never so for a caller's mistake, a cancellation or a limit of our own. */
  readonly breakerFailure: boolean;
  /** The HTTP status that our own service should answer with, 200..599. */
  readonly httpStatus: number;
  /** How long the server, breaker or limiter asks to wait, in milliseconds; absent when nobody said. */
  readonly retryAfterMs?: number;
  /** The table that the matching row stands in (`pg`, `node`, `http`, …) or `custom`; absent when no row matched. */
  readonly source?: string;
  /** The row's key in that table: bounded, so fit for a metrics label; absent when no row matched. */
  readonly code?: string;
  /** The error that matched: the given one, or one of its causes. */
  readonly error: unknown;
}

/** Says what an error means. An aborted `signal` (the caller's) wins over everything that the error says. Never throws. */
export interface Classifier {
  (error: unknown, signal?: AbortSignal): Classification;
}
