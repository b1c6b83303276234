import { describe, expect, it } from 'vitest';
import * as grpc from '../src/grpc.ts';
import * as http from '../src/http.ts';
import { type Classifier, classify } from '../src/index.ts';
import * as llm from '../src/llm.ts';
import * as node from '../src/node.ts';
import * as pg from '../src/pg.ts';
import type { ErrorTable } from '../src/pg.ts';
import * as prisma from '../src/prisma.ts';
import * as redis from '../src/redis.ts';
import * as x from '../src/x.ts';
import { errorFor } from './error-for.ts';

type Subpath = readonly [path: string, classifier: Classifier, tables: readonly ErrorTable[]];

const SUBPATHS: readonly Subpath[] = [
  ['./pg', pg.classifyPg, [pg.pgErrors, pg.pgbouncerErrors, pg.pgClientErrors]],
  ['./prisma', prisma.classifyPrisma, [prisma.prismaErrors]],
  ['./redis', redis.classifyRedis, [redis.redisErrors, redis.ioredisErrors, redis.nodeRedisErrors]],
  ['./node', node.classifyNode, [node.nodeErrors, node.dnsErrors, node.tlsErrors]],
  ['./http', http.classifyHttp, [http.httpErrors, http.undiciErrors, http.fetchErrors]],
  ['./grpc', grpc.classifyGrpc, [grpc.grpcErrors]],
  ['./llm', llm.classifyLlm, [llm.openaiErrors, llm.anthropicErrors, llm.geminiErrors]],
  ['./x', x.classifyX, [x.xErrors]],
];

describe.each(SUBPATHS)('%s', (path, classifier, tables) => {
  it.each(tables.flat().map((row) => [`${row.source} ${row.code}`, row] as const))(
    'says of %s what the whole says',
    (_, row) => {
      const error = errorFor(row);
      expect(classifier(error)).toEqual(classify(error));
    },
  );

  it('knows no code of others', () => {
    // Prisma's raw queries fail with SQLSTATEs, so PostgreSQL's table belongs to it.
    const code = ['./pg', './prisma'].includes(path) ? 'ECONNREFUSED' : '40P01';
    const error = Object.assign(new Error('not ours'), { code });
    expect(classify(error).code).toBe(code);
    expect(classifier(error)).toMatchObject({ category: 'unknown', retryable: 'no' });
    expect(classifier(error).code).toBeUndefined();
  });

  it('lets the caller’s own abort win', () => {
    const error = errorFor(tables[0]?.[0] ?? { source: '', code: '', name: '' });
    expect(classifier(error, AbortSignal.abort())).toMatchObject({ code: 'caller:aborted' });
  });
});
