import { reportOnce } from '@fournines/core/authoring';
import type { Classification, Classifier } from '@fournines/error-classification';

/** What an error means. A classifier that throws, or answers with nothing, is reported once: the error is not retried. */
export function classifySafely(
  owner: string,
  classify: Classifier,
  error: unknown,
): Classification {
  try {
    const classification: unknown = classify(error);
    if (typeof classification === 'object' && classification !== null) {
      return classification as Classification;
    }
    throw new TypeError(`it must return a classification, got ${typeof classification}`);
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
