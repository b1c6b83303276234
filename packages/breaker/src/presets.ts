import type { CircuitBreakerOptions } from './options.ts';

const http = {
  failureThreshold: 5,
  failureRateThreshold: 0.5,
  minimumCalls: 20,
  resetTimeout: 30_000,
};

/**
 * Options for the usual dependencies: `circuitBreaker({ ...breakerPresets.database, name })`. They
 * classify errors, so that every sign of a sick dependency counts and the caller's own mistakes do not.
 */
export const breakerPresets: {
  /** PostgreSQL, MySQL, an ORM: 3 failures in a row, 30 s. */
  readonly database: CircuitBreakerOptions;
  /** Redis, Valkey, memcached: 5 failures in a row, 15 s. */
  readonly redis: CircuitBreakerOptions;
  /** An HTTP API: 5 failures in a row, or half of at least 20 calls; 30 s. */
  readonly http: CircuitBreakerOptions;
  /** X's API: as `http`. */
  readonly xApi: CircuitBreakerOptions;
  /** A language model: 3 failures in a row, 60 s. */
  readonly llm: CircuitBreakerOptions;
} = {
  database: { failureThreshold: 3, resetTimeout: 30_000 },
  redis: { failureThreshold: 5, resetTimeout: 15_000 },
  http,
  xApi: http,
  llm: { failureThreshold: 3, resetTimeout: 60_000 },
};
