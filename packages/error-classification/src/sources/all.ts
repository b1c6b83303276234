import type { Source } from '../internal/source.ts';
import { app } from './app.ts';
import { fetchSource } from './fetch.ts';
import { grpc } from './grpc.ts';
import { http } from './http.ts';
import { llm } from './llm.ts';
import { node } from './node.ts';
import { pg } from './pg.ts';
import { prisma } from './prisma.ts';
import { redis } from './redis.ts';
import { x } from './x.ts';

/** Every source, in the order in which an error without a known code is shown to them: a bare status comes last. */
export const allSources: readonly Source[] = [
  app,
  pg,
  prisma,
  redis,
  node,
  fetchSource,
  llm,
  x,
  grpc,
  http,
];
