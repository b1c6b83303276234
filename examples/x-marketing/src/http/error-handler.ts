import { STATUS_CODES } from 'node:http';
import {
  HttpError,
  ValidationError,
  classify,
  problemHeaders,
  toProblem,
} from '@fournines/error-classification';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { KeyReusedError } from '../campaigns/key-reused-error.ts';

/** When nothing says how long it will last, a client is asked to come back after this many seconds. */
const DEFAULT_RETRY_AFTER = 1;

/** Answers every error with problem details (RFC 9457) that show nothing of what lies behind. */
export function handleError(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const problem = problemOf(error);
  if (problem.status >= 500) request.log.error({ err: error }, 'request failed');
  void reply.code(problem.status).headers(problemHeaders(problem)).send(JSON.stringify(problem));
}

function problemOf(error: unknown): ReturnType<typeof toProblem> {
  if (isInvalidRequest(error)) {
    const errors = error.validation?.map(({ instancePath, message }) => ({
      pointer: `#${instancePath}`,
      detail: message ?? 'is not valid',
    }));
    return toProblem(classify(new ValidationError('The request is not valid')), { errors });
  }
  if (isClientError(error)) {
    const { statusCode, message } = error;
    return toProblem(classify(new ValidationError(message)), {
      status: statusCode,
      title: STATUS_CODES[statusCode] ?? 'Bad Request',
    });
  }
  const classification = classify(error);
  if (error instanceof KeyReusedError) {
    return toProblem(classification, { status: 422, title: 'Unprocessable Content' });
  }
  // A status below 500 that comes from a dependency is our mistake, not the client's.
  if (error instanceof HttpError && classification.httpStatus < 500) {
    return toProblem(classification, { status: 502, title: 'Bad Gateway' });
  }
  const problem = toProblem(classification);
  return problem.status === 503 && problem.retryAfter === undefined
    ? { ...problem, retryAfter: DEFAULT_RETRY_AFTER }
    : problem;
}

function isInvalidRequest(error: unknown): error is FastifyError {
  return error instanceof Error && 'validation' in error && Array.isArray(error.validation);
}

/** Fastify's own refusals: a body that is no JSON, too large, of another type. */
function isClientError(error: unknown): error is FastifyError & { statusCode: number } {
  return (
    error instanceof Error &&
    'code' in error &&
    String(error.code).startsWith('FST_ERR_') &&
    'statusCode' in error &&
    typeof error.statusCode === 'number' &&
    error.statusCode < 500
  );
}
