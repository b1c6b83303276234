/**
 * How long the usual operations may take, in milliseconds: what {@link timeouts} starts from.
 * Frozen; every one is overridden by an argument or by the environment.
 */
export const TIMEOUT_CONFIGS: {
  /** A whole request to an API of this service. */
  readonly API_REQUEST: 30_000;
  /** One query. */
  readonly DATABASE_QUERY: 30_000;
  /** One command. */
  readonly REDIS_OPERATION: 5_000;
  /** One request to another service. */
  readonly HTTP_REQUEST: 10_000;
  /** One answer of a language model. */
  readonly LLM_REQUEST: 60_000;
  /** An import, an export, a migration. */
  readonly BULK_OPERATION: 300_000;
} = Object.freeze({
  API_REQUEST: 30_000,
  DATABASE_QUERY: 30_000,
  REDIS_OPERATION: 5_000,
  HTTP_REQUEST: 10_000,
  LLM_REQUEST: 60_000,
  BULK_OPERATION: 300_000,
});
