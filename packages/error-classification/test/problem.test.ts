import { describe, expect, it } from 'vitest';
import * as errors from '../src/index.ts';

const { classify, problemHeaders, toProblem } = errors;
const coded = (code: string, fields: object = {}) =>
  Object.assign(new Error(`failed with ${code}`), { code, ...fields });

describe('toProblem', () => {
  it('says what a client may know', () => {
    expect(toProblem(classify({ status: 429, headers: { 'retry-after': '1.2' } }))).toEqual({
      type: 'about:blank',
      title: 'Service Unavailable',
      status: 503,
      code: '429',
      category: 'rate-limit',
      retryable: 'yes',
      retryAfter: 2,
    });
  });

  it('gives Retry-After where it is known', () => {
    expect(
      problemHeaders(toProblem(classify(coded('ECIRCUITOPEN', { retryAfterMs: 1_500 })))),
    ).toMatchObject({
      'content-type': 'application/problem+json',
      'retry-after': '2',
    });
    expect(problemHeaders(toProblem(classify(coded('23505'))))).not.toHaveProperty('retry-after');
  });

  it('leaks no upstream message, host, stack or SQL', () => {
    const planted = 'SELECT password FROM users -- db-1.internal:5432';
    const leaky = [
      coded('23505', { message: planted, detail: planted, table: 'planted', stack: planted }),
      Object.assign(new Error(planted), { status: 500, response: { data: planted } }),
      new Error(planted, { cause: coded('ECONNREFUSED', { address: planted }) }),
      new Error('Connection terminated unexpectedly'),
      new errors.InternalError(planted),
      new errors.UnavailableError(planted),
      planted,
    ];
    for (const error of leaky) {
      expect(JSON.stringify(toProblem(classify(error)))).not.toMatch(
        /SELECT|internal:|planted|terminated/,
      );
    }
  });

  it('shows the message of an application error below 500', () => {
    expect(toProblem(classify(new errors.ValidationError('name is missing')))).toMatchObject({
      status: 400,
      detail: 'name is missing',
      code: 'APP_VALIDATION',
    });
  });

  it("takes members of the caller's own", () => {
    expect(
      toProblem(classify(coded('23505')), {
        type: 'https://example.com/taken',
        title: 'Taken',
        detail: 'try another',
        instance: '/r/1',
        field: 'name',
      }),
    ).toMatchObject({
      type: 'https://example.com/taken',
      title: 'Taken',
      detail: 'try another',
      instance: '/r/1',
      field: 'name',
      status: 409,
    });
  });

  it('has a title for every status of the table', () => {
    for (const code of ['23505', 'P2025', 'ENOSPC', 'ECANCELED', '414', '431', '451']) {
      expect(
        toProblem(classify(/^\d{3}$/.test(code) ? { status: Number(code) } : coded(code))).title,
      ).not.toMatch(/Request Failed|Server Error$(?<!Internal Server Error)/);
    }
  });
});

describe('application errors', () => {
  const all = [
    [errors.ValidationError, 'validation', 400],
    [errors.AuthenticationError, 'authentication', 401],
    [errors.AuthorizationError, 'authorization', 403],
    [errors.NotFoundError, 'not-found', 404],
    [errors.ConflictError, 'conflict', 409],
    [errors.ContentionError, 'contention', 503],
    [errors.LimitExceededError, 'limit-exceeded', 413],
    [errors.RateLimitError, 'rate-limit', 429],
    [errors.QuotaError, 'quota', 429],
    [errors.UnavailableError, 'unavailable', 503],
    [errors.ConfigurationError, 'configuration', 500],
    [errors.InternalError, 'internal', 500],
  ] as const;

  it.each(all.map((row) => [row[0].name, ...row] as const))(
    '%s means what its class says, whatever its cause',
    (name, Class, category, httpStatus) => {
      const error = new Class('text', { cause: coded('ECONNREFUSED') });
      expect(error).toMatchObject({ name, category, message: 'text' });
      expect(classify(error)).toMatchObject({
        category,
        httpStatus,
        breakerFailure: false,
        code: error.code,
        error,
      });
      expect(errors.isApplicationError(error)).toBe(true);
    },
  );

  it('carry a delay, and refuse one that makes no sense', () => {
    expect(classify(new errors.RateLimitError('slow down', { retryAfterMs: 250 }))).toMatchObject({
      retryAfterMs: 250,
      retryable: 'yes',
    });
    expect(() => new errors.UnavailableError('x', { retryAfterMs: -1 })).toThrow(
      'UnavailableError: retryAfterMs must be a finite number >= 0, got -1',
    );
    expect(errors.isApplicationError(new Error('x'))).toBe(false);
    expect(errors.isApplicationError(null)).toBe(false);
  });
});
