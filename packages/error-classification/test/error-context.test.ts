import { Writable } from 'node:stream';
import pino from 'pino';
import { describe, expect, it } from 'vitest';
import { errorContext } from '../src/index.ts';

const SECRETS = {
  urlPassword: 'postgres://app:Sup3rS3cret@db.internal:5432/x',
  urlWithAt: 'redis://:p@ss-Sup3rS3cret@cache:6379',
  bearer: 'Authorization: Bearer Sup3rS3cretTokenValue',
  basic: 'sent Basic U3VwM3JTM2NyZXQ6 to the proxy',
  cookie: 'Cookie: sid=Sup3rS3cret; theme=dark',
  setCookie: '{"set-cookie":"sid=Sup3rS3cret; HttpOnly"}',
  query: 'GET https://api.example.com/v1?access_token=Sup3rS3cret&page=2 failed',
  dsn: 'host=db user=app password=Sup3rS3cret dbname=x',
  quoted: 'body was {"password": "Sup3rS3cret \\" more", "user": "a"}',
  jwt: 'token eyJhbGciOiJIUzI1NiJ9.eyJzdXIiOiJTdXAzclMzY3JldCJ9.abcdefghij expired',
  openai: 'Incorrect API key provided: sk-proj-Sup3rS3cretSup3rS3cret1234',
  aws: 'AKIASUP3RS3CRETKEY00 is not authorized',
  github: 'ghp_Sup3rS3cretSup3rS3cretSup3rS3cret00',
  pem: '-----BEGIN RSA PRIVATE KEY-----\nSup3rS3cret\n-----END RSA PRIVATE KEY-----',
  apiKeyHeader: 'x-api-key: Sup3rS3cret',
};
const LEAK = /Sup3rS3cret|SUP3RS3CRET|U3VwM3JTM2NyZXQ|eyJzdXIi/;

describe('errorContext', () => {
  it.each(Object.entries(SECRETS))('takes out a planted secret: %s', (_, secret) => {
    const inner = Object.assign(new Error(secret), { code: secret, syscall: secret });
    const error = Object.assign(new Error(`outer ${secret}`, { cause: inner }), {
      name: 'Custom',
      requestID: secret,
    });
    const context = errorContext(error, {
      ids: { requestId: secret },
      attributes: { note: secret, deep: [{ text: secret }] },
    });
    expect(JSON.stringify(context)).not.toMatch(LEAK);
    expect(JSON.stringify(context)).toContain('[redacted]');
  });

  it("takes out what has a secret's name", () => {
    const attributes = {
      headers: { Authorization: 'Sup3rS3cret', cookie: 'Sup3rS3cret', accept: 'text/html' },
      dbPassword: 'Sup3rS3cret',
      apiKey: 'Sup3rS3cret',
      'x-api-key': 'Sup3rS3cret',
      refresh_token: 'Sup3rS3cret',
      clientSecret: { id: 'Sup3rS3cret' },
    };
    const context = errorContext(new Error('x'), { attributes });
    expect(JSON.stringify(context)).not.toMatch(LEAK);
    expect(context.attributes).toMatchObject({
      headers: { accept: 'text/html' },
      dbPassword: '[redacted]',
    });
  });

  it('leaves a plain message alone', () => {
    const message = 'connect ECONNREFUSED 127.0.0.1:5432';
    expect(errorContext(new Error(message)).message).toBe(message);
  });

  it('gives classification, ids, causes and the state of components', () => {
    const root = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:1'), {
      code: 'ECONNREFUSED',
      syscall: 'connect',
    });
    const error = new TypeError('fetch failed', { cause: root });
    const breaker = {
      kind: 'circuit-breaker',
      name: 'db',
      snapshot: () => ({
        status: 'down',
        state: 'open',
        counts: {},
        gauges: { retryAfterMs: 500 },
      }),
    };
    const broken = {
      kind: 'cache',
      name: 'c',
      snapshot: () => {
        throw new Error('no');
      },
    };
    const context = errorContext(error, {
      ids: { requestId: 'r-1', traceId: undefined },
      components: [breaker, broken],
      stack: false,
    });
    expect(context).toEqual({
      name: 'TypeError',
      message: 'fetch failed',
      category: 'unavailable',
      severity: 'high',
      retryable: 'yes',
      breakerFailure: true,
      httpStatus: 503,
      matched: 'node/ECONNREFUSED',
      ids: { requestId: 'r-1' },
      causes: [
        {
          name: 'Error',
          message: 'connect ECONNREFUSED 127.0.0.1:1',
          code: 'ECONNREFUSED',
          syscall: 'connect',
        },
      ],
      components: [
        {
          kind: 'circuit-breaker',
          name: 'db',
          status: 'down',
          state: 'open',
          gauges: { retryAfterMs: 500 },
        },
        { kind: 'cache', name: 'c', status: 'unknown' },
      ],
    });
    expect(JSON.parse(JSON.stringify(context))).toEqual(context);
  });

  it('finds the ids that servers send', () => {
    const error = { status: 500, headers: new Headers({ 'x-request-id': 'up-7' }) };
    expect(errorContext(error).ids).toEqual({ 'x-request-id': 'up-7' });
  });

  it('is bounded and never throws for an error', () => {
    const endless: Record<string, unknown> = {};
    endless['self'] = endless;
    const cycle = new Error('x'.repeat(1_000_000));
    cycle.cause = cycle;
    expect(JSON.stringify(errorContext(cycle, { attributes: endless })).length).toBeLessThan(
      20_000,
    );
    const hostile = new Proxy(new Error('x'), {
      get: () => {
        throw new Error('no');
      },
    });
    for (const error of [hostile, undefined, null, 'text', 1n, Symbol('s'), Object.create(null)]) {
      expect(() => JSON.stringify(errorContext(error, { attributes: { hostile } }))).not.toThrow();
    }
    expect(() => errorContext(1, { maxLength: 3 })).toThrow(
      'errorContext: maxLength must be an integer >= 16, got 3',
    );
  });

  it('goes through pino', () => {
    let line = '';
    const sink = new Writable({
      write: (chunk, _, done) => {
        line += String(chunk);
        done();
      },
    });
    pino(sink).error(errorContext(new Error(SECRETS.urlPassword)), 'failed');
    expect(JSON.parse(line)).toMatchObject({
      msg: 'failed',
      category: 'unknown',
      message: 'postgres://[redacted]@db.internal:5432/x',
    });
  });
});
