import { reportOnce } from '@fournines/core/authoring';
import type { Classification, Classifier } from '@fournines/error-classification';
import { refusePromise } from './refuse-promise.ts';

/** What an error means. A classifier that throws, or answers with no classification, is reported once: the error is not retried. */
export function classifySafely(
  owner: string,
  classify: Classifier,
  error: unknown,
): Classification {
  try {
    const answer: unknown = classify(error);
    if (!isClassification(answer)) throw new TypeError(fault(answer));
    return answer;
  } catch (thrown) {
    reportOnce(classify, `${owner}: classify`, thrown);
    return {
      category: 'unknown',
      severity: 'high',
      retryable: 'no',
      breakerFailure: true,
      httpStatus: 500,
      error,
    };
  }
}

/** How long the server asks to wait, in milliseconds; undefined when it does not, or makes no sense. */
export function askedDelay(classification: Classification | undefined): number | undefined {
  const asked = classification?.retryAfterMs;
  return typeof asked === 'number' && asked >= 0 ? asked : undefined;
}

/** By the one field that decides. */
function isClassification(answer: unknown): answer is Classification {
  if (typeof answer !== 'object' || answer === null) return false;
  refusePromise(answer);
  const { retryable } = answer as { readonly retryable?: unknown };
  return retryable === 'yes' || retryable === 'no' || retryable === 'if-idempotent';
}

function fault(answer: unknown): string {
  const got = typeof answer === 'object' ? 'an object without it' : typeof answer;
  return `it must return a classification, with retryable 'yes', 'if-idempotent' or 'no', got ${got}`;
}
