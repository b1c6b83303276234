import type { Category } from './classification.ts';

/** Options of every application error. */
export interface ApplicationErrorOptions {
  /** What led to it; looked at by nobody but logs: the class says what the error means. Default none. */
  readonly cause?: unknown;
}

/** Options of the application errors that may know when to come back. */
export interface DelayedErrorOptions extends ApplicationErrorOptions {
  /** When to come back, in milliseconds, >= 0; becomes `Retry-After`. Default unknown. `RangeError` otherwise. */
  readonly retryAfterMs?: number;
}

/**
 * What an application throws when it means it: the category comes with the class. Its message is written for the
 * client: `toProblem` shows it where the status is below 500.
 */
export abstract class ApplicationError extends Error {
  /** Survives two installed copies of this package, where `instanceof` does not. */
  readonly isApplicationError = true;
  /** The row of the table that says what the error means. */
  abstract readonly code: string;
  /** What kind of failure it is. */
  abstract readonly category: Category;

  constructor(message: string, options: ApplicationErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
  }
}

/** An application error that may know when to come back. */
export abstract class DelayedError extends ApplicationError {
  /** When to come back, in milliseconds; absent when unknown. */
  readonly retryAfterMs?: number;

  constructor(message: string, options: DelayedErrorOptions = {}) {
    super(message, options);
    const { retryAfterMs } = options;
    if (retryAfterMs === undefined) return;
    if (!Number.isFinite(retryAfterMs) || retryAfterMs < 0) {
      throw new RangeError(
        `${new.target.name}: retryAfterMs must be a finite number >= 0, got ${String(retryAfterMs)}`,
      );
    }
    this.retryAfterMs = retryAfterMs;
  }
}

/** The request is not valid: 400. */
export class ValidationError extends ApplicationError {
  /** Always `ValidationError`. */
  override readonly name = 'ValidationError';
  override readonly code = 'APP_VALIDATION';
  override readonly category = 'validation';
}

/** Nobody knows who is asking: 401. */
export class AuthenticationError extends ApplicationError {
  /** Always `AuthenticationError`. */
  override readonly name = 'AuthenticationError';
  override readonly code = 'APP_AUTHENTICATION';
  override readonly category = 'authentication';
}

/** Who is asking may not: 403. */
export class AuthorizationError extends ApplicationError {
  /** Always `AuthorizationError`. */
  override readonly name = 'AuthorizationError';
  override readonly code = 'APP_AUTHORIZATION';
  override readonly category = 'authorization';
}

/** There is no such thing: 404. */
export class NotFoundError extends ApplicationError {
  /** Always `NotFoundError`. */
  override readonly name = 'NotFoundError';
  override readonly code = 'APP_NOT_FOUND';
  override readonly category = 'not-found';
}

/** The state of things does not allow it: 409. */
export class ConflictError extends ApplicationError {
  /** Always `ConflictError`. */
  override readonly name = 'ConflictError';
  override readonly code = 'APP_CONFLICT';
  override readonly category = 'conflict';
}

/** Larger than allowed: 413. */
export class LimitExceededError extends ApplicationError {
  /** Always `LimitExceededError`. */
  override readonly name = 'LimitExceededError';
  override readonly code = 'APP_LIMIT';
  override readonly category = 'limit-exceeded';
}

/** Too often; later it will do: 429. */
export class RateLimitError extends DelayedError {
  /** Always `RateLimitError`. */
  override readonly name = 'RateLimitError';
  override readonly code = 'APP_RATE_LIMIT';
  override readonly category = 'rate-limit';
}

/** An allowance is used up: 429, and not to be repeated. */
export class QuotaError extends DelayedError {
  /** Always `QuotaError`. */
  override readonly name = 'QuotaError';
  override readonly code = 'APP_QUOTA';
  override readonly category = 'quota';
}

/** Somebody else was faster; the whole operation may be repeated: 503. */
export class ContentionError extends DelayedError {
  /** Always `ContentionError`. */
  override readonly name = 'ContentionError';
  override readonly code = 'APP_CONTENTION';
  override readonly category = 'contention';
}

/** Not now; nothing was done: 503. */
export class UnavailableError extends DelayedError {
  /** Always `UnavailableError`. */
  override readonly name = 'UnavailableError';
  override readonly code = 'APP_UNAVAILABLE';
  override readonly category = 'unavailable';
}

/** The service is set up wrong: 500. */
export class ConfigurationError extends ApplicationError {
  /** Always `ConfigurationError`. */
  override readonly name = 'ConfigurationError';
  override readonly code = 'APP_CONFIGURATION';
  override readonly category = 'configuration';
}

/** A failure of our own: 500. */
export class InternalError extends ApplicationError {
  /** Always `InternalError`. */
  override readonly name = 'InternalError';
  override readonly code = 'APP_INTERNAL';
  override readonly category = 'internal';
}

/** Whether an error is an application's own, also of another copy of this package. Never throws. */
export function isApplicationError(error: unknown): error is ApplicationError {
  try {
    return (
      typeof error === 'object' &&
      error !== null &&
      'isApplicationError' in error &&
      error.isApplicationError === true
    );
  } catch {
    return false;
  }
}
