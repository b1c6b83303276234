import { HttpError, classify, problemHeaders, toProblem } from '@fournines/error-classification';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

/** One thing wrong with a request, and where: `#/budgetCents` in the body, `limit` in the query. */
export interface RequestFault {
  readonly pointer?: string;
  readonly parameter?: string;
  readonly detail: string;
}

/** A request that cannot be served as it is. */
export class RequestError extends Error {
  override readonly name = 'RequestError';
  readonly statusCode: 400 | 404 | 422;
  readonly faults: readonly RequestFault[];

  constructor(statusCode: 400 | 404 | 422, message: string, faults: readonly RequestFault[] = []) {
    super(message);
    this.statusCode = statusCode;
    this.faults = faults;
  }
}

/** The service is starting or stopping. */
export class NotReadyError extends Error {
  override readonly name = 'NotReadyError';
}

/** Makes every error answer an `application/problem+json` (RFC 9457). */
export function answerWithProblems(app: FastifyInstance): void {
  app.setNotFoundHandler((request, reply) =>
    sendProblem(reply, 404, `there is no route ${request.method} ${request.url}`),
  );
  app.setErrorHandler(answerError);
}

/** For what Fastify refuses before there is a route: a URL that cannot be read. */
export function answerFrameworkError(
  error: FastifyError,
  _request: FastifyRequest,
  reply: FastifyReply,
): void {
  sendProblem(reply, error.statusCode ?? 400, error.message);
}

function answerError(error: FastifyError, request: FastifyRequest, reply: FastifyReply): unknown {
  if (error instanceof RequestError) {
    return sendProblem(reply, error.statusCode, error.message, error.faults);
  }
  if (error.validation !== undefined) {
    const faults = error.validation.map((fault) => ({
      pointer: pointerOf(fault.instancePath, fault.params),
      detail:
        fault.keyword === 'pattern'
          ? 'must have a visible character and no NUL'
          : (fault.message ?? 'is not valid'),
    }));
    return sendProblem(reply, 400, 'the request is not valid', faults);
  }
  // Fastify's own refusals: a body that is no JSON, too large, of another type.
  if (error.code?.startsWith('FST_') && (error.statusCode ?? 500) < 500) {
    return sendProblem(reply, error.statusCode ?? 400, error.message);
  }
  if (error instanceof NotReadyError) return sendProblem(reply, 503, error.message, [], 1);
  return answerFailure(error, request, reply);
}

function answerFailure(error: unknown, request: FastifyRequest, reply: FastifyReply): unknown {
  const { problem, isOutage } = problemOf(error);
  if (!isOutage) request.log.error({ err: error }, 'request failed');
  return reply.code(problem.status).headers(problemHeaders(problem)).send(problem);
}

/** What a client is told of a failure, and whether that is an outage of something behind this service. */
export function problemOf(error: unknown): {
  readonly problem: ReturnType<typeof toProblem>;
  readonly isOutage: boolean;
} {
  const classification = classify(error);
  const problem = toProblem(classification);
  const isOutage =
    classification.breakerFailure || problem.status >= 502 || error instanceof HttpError;
  if (!isOutage) return { problem, isOutage };
  // What failed is behind this service: to its client it is the service that is unavailable.
  const unavailable = toProblem(classification, {
    status: 503,
    title: 'Service Unavailable',
    retryAfter: Math.max(1, problem.retryAfter ?? 1),
  });
  return { problem: unavailable, isOutage };
}

function sendProblem(
  reply: FastifyReply,
  status: number,
  detail: string,
  errors: readonly RequestFault[] = [],
  retryAfter?: number,
): FastifyReply {
  const titles: Readonly<Record<number, string>> = {
    400: 'Bad Request',
    404: 'Not Found',
    413: 'Content Too Large',
    415: 'Unsupported Media Type',
    422: 'Unprocessable Content',
    503: 'Service Unavailable',
  };
  if (retryAfter !== undefined) reply.header('retry-after', retryAfter);
  return reply
    .code(status)
    .headers({ 'content-type': 'application/problem+json', 'cache-control': 'no-store' })
    .send({
      type: 'about:blank',
      title: titles[status] ?? 'Request Failed',
      status,
      detail,
      ...(errors.length > 0 && { errors }),
    });
}

/** A JSON pointer to what is wrong; to the missing or surplus member itself. */
function pointerOf(path: string, params: Readonly<Record<string, unknown>>): string {
  const member = params['missingProperty'] ?? params['additionalProperty'];
  return typeof member === 'string' ? `#${path}/${member}` : `#${path}`;
}
