export type { Category, Classification, Classifier, Retryable, Severity } from './classification.ts';
export { classify } from './classify.ts';
export { classifier } from './classifier.ts';
export type { ClassificationOverride, ClassifierOptions, Rule, RuleContext } from './classifier.ts';
export { isBreakerFailure, isTransient, isTransientIfIdempotent } from './guards.ts';
export { causes } from './causes.ts';
export { parseRetryAfter } from './retry-after.ts';
export type { HeadersLike } from './retry-after.ts';
export { HttpError, throwIfNotOk } from './http-error.ts';
