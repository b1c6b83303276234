import { runInNewContext } from 'node:vm';
import { handleWhen, retry } from 'cockatiel';
import { describe, expect, it } from 'vitest';
import {
  type Classification,
  causes,
  classify,
  HttpError,
  isBreakerFailure,
  isTransient,
  isTransientIfIdempotent,
  throwIfNotOk,
} from '../src/index.ts';

const coded = (code: string, fields: object = {}) =>
  Object.assign(new Error(`failed with ${code}`), { code, ...fields });

describe('classify', () => {
  it('looks through causes from the outside in', () => {
    const inner = coded('ECONNREFUSED', { syscall: 'connect' });
    const error = new Error('repository', { cause: new Error('query', { cause: inner }) });
    expect(classify(error)).toMatchObject({
      category: 'unavailable',
      code: 'ECONNREFUSED',
      error: inner,
    });
    expect(classify(coded('23505', { cause: inner }))).toMatchObject({
      category: 'conflict',
      code: '23505',
    });
  });

  it('sees a cause two deep behind fetch failed', () => {
    const reset = coded('ECONNRESET', { syscall: 'read' });
    const error = new TypeError('fetch failed', {
      cause: new Error('other side closed', { cause: reset }),
    });
    expect(classify(error)).toMatchObject({
      category: 'network',
      retryable: 'if-idempotent',
      error: reset,
    });
  });

  it('takes the least permissive retry and the highest severity of an aggregate, and any breaker failure', () => {
    const error = new AggregateError([
      coded('ECONNREFUSED'),
      coded('23505'),
      coded('CERT_HAS_EXPIRED'),
    ]);
    expect(classify(error)).toMatchObject({
      retryable: 'no',
      severity: 'critical',
      breakerFailure: true,
    });
    expect(classify(new AggregateError([coded('40001'), coded('ECONNREFUSED')]))).toMatchObject({
      retryable: 'yes',
      severity: 'high',
      breakerFailure: true,
    });
    expect(
      classify(new AggregateError([new Error('who knows'), coded('ECONNREFUSED')])),
    ).toMatchObject({ retryable: 'no' });
  });

  it('judges what Node tried by the attempts, not by the code on the aggregate', () => {
    const attempts = [
      coded('ETIMEDOUT', { syscall: 'connect' }),
      coded('ENETUNREACH', { syscall: 'connect' }),
    ];
    const error = Object.assign(new AggregateError(attempts, ''), { code: 'ETIMEDOUT' });
    expect(classify(error)).toMatchObject({ retryable: 'yes', breakerFailure: true });
  });

  it('tells a refusal to connect from a connection cut in flight', () => {
    expect(classify(coded('ECONNRESET', { syscall: 'connect' }))).toMatchObject({
      retryable: 'yes',
    });
    expect(classify(coded('ECONNRESET', { syscall: 'read' }))).toMatchObject({
      retryable: 'if-idempotent',
    });
    expect(classify(coded('ETIMEDOUT', { syscall: 'connect' }))).toMatchObject({
      retryable: 'yes',
    });
    expect(classify(coded('ETIMEDOUT', { syscall: 'write' }))).toMatchObject({
      retryable: 'if-idempotent',
    });
  });

  it('lets an abort give way to what caused it', () => {
    const timeout = Object.assign(new Error('timed out after 5 ms'), {
      name: 'TimeoutError',
      code: 'ETIMEDOUT',
      isTaskCancelledError: true,
    });
    const abort = Object.assign(new Error('The operation was aborted', { cause: timeout }), {
      name: 'AbortError',
      code: 'ABORT_ERR',
    });
    expect(classify(abort)).toMatchObject({
      category: 'timeout',
      source: 'app',
      code: 'TimeoutError',
      error: timeout,
    });
    expect(classify(coded('ABORT_ERR', { name: 'AbortError' }))).toMatchObject({
      category: 'cancelled',
    });
  });

  it('reads a SQLSTATE without a row by its class, also from mysql2', () => {
    expect(classify(coded('22015'))).toMatchObject({ category: 'validation', code: '22000' });
    expect(classify(coded('ER_DUP_ENTRY', { sqlState: '23000' }))).toMatchObject({
      category: 'conflict',
    });
    expect(classify(coded('EBADF'))).toMatchObject({ category: 'unknown' });
  });

  it('reads what Prisma hides', () => {
    expect(classify(coded('P2010', { meta: { code: '40P01' } }))).toMatchObject({
      category: 'contention',
      code: '40P01',
    });
    const driver = Object.assign(new Error('x'), {
      name: 'DriverAdapterError',
      cause: { kind: 'postgres', originalCode: '57P01' },
    });
    expect(classify(driver)).toMatchObject({ category: 'unavailable', code: '57P01' });
    expect(classify(coded('P2010', { meta: { driverAdapterError: driver } }))).toMatchObject({
      code: '57P01',
    });
    expect(
      classify(Object.assign(new Error('x'), { name: 'SqlQueryError', sqlState: '23505' })),
    ).toMatchObject({ code: '23505' });
    expect(
      classify(
        Object.assign(new Error('x'), {
          name: 'PrismaClientInitializationError',
          errorCode: 'P1001',
        }),
      ),
    ).toMatchObject({ code: 'P1001' });
    expect(
      classify(coded('RUNTIME.TRANSACTION_COMMIT_FAILED', { cause: coded('40001') })),
    ).toMatchObject({ code: '40001' });
  });

  it('reads the status of an error or of its response, and treats an unknown one as its hundred', () => {
    expect(classify({ statusCode: 503 })).toMatchObject({ category: 'overload', code: '503' });
    expect(classify({ response: { status: 404 } })).toMatchObject({ category: 'not-found' });
    expect(classify({ status: 599 })).toMatchObject({ category: 'internal', code: '500' });
    expect(classify({ status: 499.5 })).toMatchObject({ category: 'unknown' });
    expect(classify({ status: 200 })).toMatchObject({ category: 'unknown' });
  });

  it('carries the delay and the hint of the server', () => {
    expect(classify({ status: 429, headers: { 'retry-after': '7' } })).toMatchObject({
      retryable: 'yes',
      retryAfterMs: 7_000,
    });
    expect(classify({ status: 500, headers: { 'x-should-retry': 'true' } })).toMatchObject({
      retryable: 'yes',
    });
    expect(
      classify({ status: 429, headers: new Headers({ 'x-should-retry': 'false' }) }),
    ).toMatchObject({ retryable: 'no' });
    expect('retryAfterMs' in classify({ status: 429 })).toBe(false);
  });

  it('tells a quota from a rate limit', () => {
    const openai = Object.assign(new Error('429 You exceeded your current quota'), {
      status: 429,
      code: 'insufficient_quota',
      type: 'insufficient_quota',
      headers: new Headers({ 'retry-after': '1' }),
    });
    expect(classify(openai)).toMatchObject({
      category: 'quota',
      retryable: 'no',
      severity: 'critical',
    });
    expect(classify({ status: 429 })).toMatchObject({ category: 'rate-limit', retryable: 'yes' });
    expect(
      classify({ status: 429, data: { type: 'https://api.twitter.com/2/problems/usage-capped' } }),
    ).toMatchObject({ category: 'quota' });
  });

  it('classifies an event of a stream that began with a 200', () => {
    expect(
      classify({ type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } }),
    ).toMatchObject({ category: 'overload', retryable: 'yes' });
    expect(classify({ type: 'error', code: 'server_error', message: 'x' })).toMatchObject({
      category: 'internal',
      source: 'openai',
    });
    expect(
      classify({ type: 'response.failed', response: { error: { code: 'rate_limit_exceeded' } } }),
    ).toMatchObject({ category: 'rate-limit' });
  });

  it("does not take an everyday conflict for an LLM's lock timeout", () => {
    expect(classify({ status: 409, code: 'conflict' })).toMatchObject({
      category: 'conflict',
      retryable: 'no',
    });
  });

  it('obeys gRPC pushback and RetryInfo', () => {
    const grpc = (code: number, metadata: Record<string, unknown>) => ({
      code,
      details: '',
      metadata: { get: (name: string) => metadata[name] ?? [] },
    });
    expect(classify(grpc(14, {}))).toMatchObject({
      category: 'unavailable',
      retryable: 'if-idempotent',
    });
    expect(classify(grpc(14, { 'grpc-retry-pushback-ms': ['250'] }))).toMatchObject({
      retryAfterMs: 250,
    });
    expect(classify(grpc(14, { 'grpc-retry-pushback-ms': ['-1'] }))).toMatchObject({
      retryable: 'no',
    });
    expect(classify(grpc(14, { 'grpc-retry-pushback-ms': ['soon'] }))).toMatchObject({
      retryable: 'no',
    });
    expect(
      classify({ ...grpc(8, {}), statusDetails: [{ retryDelay: { seconds: 3, nanos: 0 } }] }),
    ).toMatchObject({ retryable: 'yes', retryAfterMs: 3_000 });
    expect(classify(grpc(8, {}))).toMatchObject({ retryable: 'no' });
  });

  it('does not take numbers of others for gRPC or X', () => {
    expect(classify(new DOMException('x', 'NotFoundError'))).toMatchObject({ category: 'unknown' });
    expect(
      classify(Object.assign(new Error('Command failed'), { code: 1, killed: false, cmd: 'ls' })),
    ).toMatchObject({ category: 'unknown' });
    expect(classify(Object.assign(new Error('Command failed'), { code: 130 }))).toMatchObject({
      category: 'unknown',
    });
  });

  it('carries how long an open breaker and a full limiter ask to wait', () => {
    expect(classify(coded('ECIRCUITOPEN', { retryAfterMs: 1_200 }))).toMatchObject({
      category: 'overload',
      breakerFailure: false,
      retryAfterMs: 1_200,
    });
    expect(classify(coded('ELIMITED', { retryAfterMs: 30 }))).toMatchObject({
      category: 'overload',
      breakerFailure: false,
      retryAfterMs: 30,
    });
    expect('retryAfterMs' in classify(coded('ELIMITED', { retryAfterMs: NaN }))).toBe(false);
    expect(classify(coded('EDEADLINE'))).toMatchObject({
      category: 'timeout',
      retryable: 'yes',
      breakerFailure: false,
    });
  });

  it('takes what it does not know, and what is no error, for unknown, not retryable and a breaker failure', () => {
    for (const error of [
      new Error('hm'),
      'a string',
      undefined,
      null,
      7,
      Symbol('s'),
      10n,
      {},
      [],
      () => 1,
    ]) {
      expect(classify(error)).toMatchObject({
        category: 'unknown',
        retryable: 'no',
        breakerFailure: true,
        httpStatus: 500,
      });
      expect(classify(error).error).toBe(error);
    }
  });
});

describe("the caller's own abort", () => {
  const failure = coded('ECONNREFUSED');

  it('wins over any classification', () => {
    expect(classify(failure, AbortSignal.abort())).toMatchObject({
      category: 'cancelled',
      retryable: 'no',
      breakerFailure: false,
      httpStatus: 499,
      code: 'caller:aborted',
    });
    expect(classify(failure, new AbortController().signal)).toMatchObject({
      category: 'unavailable',
    });
  });

  it('is a timeout, never retried, when the caller ran out of time', () => {
    for (const reason of [
      new DOMException('late', 'TimeoutError'),
      coded('EDEADLINE'),
      { isTaskCancelledError: true },
    ]) {
      expect(classify(failure, AbortSignal.abort(reason))).toMatchObject({
        category: 'timeout',
        retryable: 'no',
        breakerFailure: false,
        httpStatus: 504,
        code: 'caller:deadline',
      });
    }
  });
});

describe('hostile errors', () => {
  it('ends on cycles and on chains without end', () => {
    const a = new Error('a');
    const b = new Error('b', { cause: a });
    a.cause = b;
    expect(classify(a)).toMatchObject({ category: 'unknown' });
    const self = new AggregateError([]);
    self.errors = [self, self, self];
    expect(classify(self)).toMatchObject({ retryable: 'no' });
    const infinite: object = new Proxy(new Error('x'), {
      get: (_, key) => (key === 'cause' ? infinite : undefined),
    });
    expect(classify(infinite)).toMatchObject({ category: 'unknown' });
  });

  it('looks ten causes deep and no deeper', () => {
    const chain = (depth: number) => {
      let error: Error = coded('ECONNREFUSED');
      for (let i = 0; i < depth; i++) error = new Error(`level ${i}`, { cause: error });
      return error;
    };
    expect(classify(chain(10))).toMatchObject({ category: 'unavailable' });
    expect(classify(chain(11))).toMatchObject({ category: 'unknown' });
    expect(classify(chain(50_000))).toMatchObject({ category: 'unknown' });
  });

  it('looks past getters and proxies that throw', () => {
    const boom = () => {
      throw new Error('boom');
    };
    const halfReadable = Object.defineProperty(coded('ECONNREFUSED'), 'errors', { get: boom });
    expect(classify(halfReadable)).toMatchObject({ category: 'unavailable', error: halfReadable });
    const hidden = Object.defineProperty(new Error('x', { cause: coded('40001') }), 'name', {
      get: boom,
    });
    expect(classify(hidden)).toMatchObject({ category: 'contention' });
    const proxy = new Proxy(new Error('x'), {
      get: boom,
      has: boom,
      ownKeys: boom,
      getPrototypeOf: boom,
    });
    expect(classify(proxy)).toMatchObject({ category: 'unknown' });
    expect(classify(Object.defineProperty({}, 'status', { get: boom }))).toMatchObject({
      category: 'unknown',
    });
    const { proxy: revoked, revoke } = Proxy.revocable(new Error('x'), {});
    revoke();
    expect(classify(revoked)).toMatchObject({ category: 'unknown' });
    expect(classify(new Error('x'), new Proxy(AbortSignal.abort(), { get: boom }))).toMatchObject({
      category: 'unknown',
    });
  });

  const closed = (): object => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return proxy;
  };
  const stackless = (): Error =>
    Object.defineProperty(new Error('x'), 'stack', {
      get() {
        throw new Error('boom');
      },
    });
  const halfList = (first: unknown): unknown[] =>
    new Proxy([first, first], {
      get(target, key, receiver) {
        if (key === '1') throw new Error('boom');
        return Reflect.get(target, key, receiver) as unknown;
      },
    });

  it.each<readonly [string, () => object, Partial<Classification>]>([
    [
      'a member',
      () => new AggregateError([stackless(), coded('ECONNREFUSED')]),
      { category: 'unknown', retryable: 'no', breakerFailure: true },
    ],
    [
      'a member of no aggregate',
      () => Object.assign(new Error('x'), { errors: [stackless()] }),
      { category: 'unknown' },
    ],
    [
      'a list of members',
      () => Object.assign(new AggregateError([]), { errors: halfList(coded('ECONNREFUSED')) }),
      { category: 'unavailable' },
    ],
    [
      'a list of replies',
      () => Object.assign(new Error('x'), { errorIndexes: [0], replies: [stackless()] }),
      { category: 'unknown', breakerFailure: true },
    ],
    [
      'headers',
      () => Object.assign(new Error('x'), { status: 429, headers: closed() }),
      { category: 'rate-limit', code: '429' },
    ],
    [
      'a response',
      () => Object.assign(new Error('x'), { status: 503, response: closed() }),
      { category: 'overload', code: '503' },
    ],
    [
      'a body',
      () => Object.assign(new Error('x'), { status: 503, error: closed(), data: closed() }),
      { category: 'overload', code: '503' },
    ],
    ['a cause', () => new Error('x', { cause: closed() }), { category: 'unknown' }],
    [
      'a cause of a code',
      () => Object.assign(new Error('x'), { code: '40001', cause: closed() }),
      { code: '40001' },
    ],
  ])('never throws over %s that cannot be read', (_, make, expected) => {
    const error = make();
    expect(classify(error)).toMatchObject(expected);
    expect([...causes(error)][0]).toBe(error);
  });

  it('reads frozen errors and errors of another realm, and changes neither', () => {
    const frozen = Object.freeze(coded('57P01'));
    expect(classify(frozen)).toMatchObject({ category: 'unavailable', error: frozen });
    const foreign: unknown = runInNewContext(
      `new AggregateError([Object.assign(new Error('x'), { code: 'ECONNREFUSED' })])`,
    );
    expect(foreign instanceof AggregateError).toBe(false);
    expect(classify(foreign)).toMatchObject({ category: 'unavailable' });
  });

  it('is quick with a million members', () => {
    const member = new Error('x');
    const members = Array.from({ length: 1_000_000 }, () => member);
    expect(classify(new AggregateError(members))).toMatchObject({ category: 'unknown' });
  });
});

describe('causes', () => {
  it('yields each error once, outermost first, members included', () => {
    const root = coded('ECONNREFUSED');
    const member = new Error('member', { cause: root });
    const error = new AggregateError([member, root], 'all failed');
    expect([...causes(error)]).toEqual([error, member, root]);
    const cycle = new Error('a');
    cycle.cause = cycle;
    expect([...causes(cycle)]).toEqual([cycle]);
    expect([...causes('text')]).toEqual(['text']);
  });
});

describe('guards', () => {
  it('fit cockatiel', async () => {
    const policy = retry(handleWhen(isTransient), { maxAttempts: 2 });
    let calls = 0;
    const failing = (code: string) =>
      policy.execute(() => {
        calls++;
        throw coded(code);
      });
    await expect(failing('ECONNREFUSED')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    expect(calls).toBe(3);
    await expect(failing('23505')).rejects.toMatchObject({ code: '23505' });
    expect(calls).toBe(4);
    expect(handleWhen(isBreakerFailure).options.errorFilter(coded('57P01'))).toBe(true);
  });

  it('do not call an unknown outcome safe to repeat', () => {
    const cut = coded('ECONNRESET', { syscall: 'read' });
    expect([isTransient(cut), isTransientIfIdempotent(cut), isBreakerFailure(cut)]).toEqual([
      false,
      true,
      true,
    ]);
    expect([
      isTransient(coded('23505')),
      isTransientIfIdempotent(coded('23505')),
      isBreakerFailure(coded('23505')),
    ]).toEqual([false, false, false]);
  });
});

describe('throwIfNotOk', () => {
  it('returns what is ok', () => {
    const response = new Response('fine');
    expect(throwIfNotOk(response)).toBe(response);
  });

  it('throws status and headers, cancels the body, shows neither body nor headers', async () => {
    let cancelled = false;
    const body = new ReadableStream({
      cancel: () => {
        cancelled = true;
      },
    });
    const response = new Response(body, {
      status: 429,
      headers: { 'retry-after': '3', 'set-cookie': 'session=secret' },
    });
    const error = await Promise.resolve()
      .then(() => throwIfNotOk(response))
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(HttpError);
    expect(error).toMatchObject({
      name: 'HttpError',
      code: 'EHTTP',
      status: 429,
      message: 'HTTP 429',
    });
    expect(classify(error)).toMatchObject({ category: 'rate-limit', retryAfterMs: 3_000 });
    expect(cancelled).toBe(true);
    expect(Object.keys(error as object)).not.toContain('response');
    expect(JSON.stringify(error)).not.toContain('secret');
    expect((error as HttpError).response).toBe(response);
  });

  it('leaves a body alone that somebody reads', () => {
    const response = new Response('x', { status: 500 });
    const reader = response.body?.getReader();
    expect(() => throwIfNotOk(response)).toThrow(HttpError);
    expect(reader).toBeDefined();
  });
});
