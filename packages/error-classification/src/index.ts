export type {
  Category,
  Classification,
  Classifier,
  Retryable,
  Severity,
} from './classification.ts';
export { classify } from './classify.ts';
export { classifier } from './classifier.ts';
export type { ClassificationOverride, ClassifierOptions, Rule, RuleContext } from './classifier.ts';
export { isBreakerFailure, isTransient, isTransientIfIdempotent } from './guards.ts';
export { causes } from './causes.ts';
export { parseRetryAfter } from './retry-after.ts';
export type { HeadersLike, HeadersWithGet } from './retry-after.ts';
export { HttpError, throwIfNotOk } from './http-error.ts';
export {
  ApplicationError,
  AuthenticationError,
  AuthorizationError,
  ConfigurationError,
  ConflictError,
  ContentionError,
  DelayedError,
  InternalError,
  isApplicationError,
  LimitExceededError,
  NotFoundError,
  QuotaError,
  RateLimitError,
  UnavailableError,
  ValidationError,
} from './application-errors.ts';
export type { ApplicationErrorOptions, DelayedErrorOptions } from './application-errors.ts';
export { problemHeaders, toProblem } from './problem.ts';
export type { ProblemDetails, ProblemExtra } from './problem.ts';
export { errorContext } from './error-context.ts';
export type {
  ContextComponent,
  ErrorContext,
  ErrorContextOptions,
  LoggedError,
} from './error-context.ts';
export { errorStatistics } from './error-statistics.ts';
export type {
  ErrorCounts,
  ErrorOccurrence,
  ErrorSample,
  ErrorStatistics,
  ErrorStatisticsOptions,
  ErrorStatisticsSnapshot,
  StatisticsClock,
} from './error-statistics.ts';
