import { type PostgresServer, startPostgres } from '@fournines/test-services';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { classify } from '../src/index.ts';
import { meaningOf, rejection } from './meaning.ts';
import { type Prisma, prismaClient } from './prisma-client.ts';

let postgres: PostgresServer;
let prisma: Prisma;

beforeAll(async () => {
  postgres = await startPostgres();
  prisma = await prismaClient(postgres.url);
  await prisma.owner.create({ data: { id: 1, email: 'one@example.com' } });
}, 60_000);
afterAll(async () => {
  await prisma.$disconnect();
  await postgres.stop();
});

it('a value that is taken is a conflict', async () => {
  const error = await rejection(prisma.owner.create({ data: { id: 2, email: 'one@example.com' } }));
  expect(meaningOf(classify, error)).toEqual(['P2002', 'conflict', 'no', false]);
});

it('a reference to nothing is a conflict', async () => {
  const error = await rejection(prisma.pet.create({ data: { id: 1, ownerId: 99 } }));
  expect(meaningOf(classify, error)).toEqual(['P2003', 'conflict', 'no', false]);
});

it('a record that is not there is not found', async () => {
  const error = await rejection(prisma.owner.findUniqueOrThrow({ where: { id: 99 } }));
  expect(meaningOf(classify, error)).toEqual(['P2025', 'not-found', 'no', false]);
});

it('a query of the wrong shape is a bug', async () => {
  const error = await rejection(prisma.owner.create({ data: { id: 'seven' } }));
  expect(meaningOf(classify, error).slice(1)).toEqual(['bug', 'no', false]);
});

it.each([
  ['select 1 / 0', '22012', 'bug', 'no', false],
  ['select * from nowhere', '42P01', 'bug', 'no', false],
  ["select 'x'::int", '22P02', 'validation', 'no', false],
] as const)('a raw query hides its SQLSTATE, and it is found: %s', async (sql, ...meaning) => {
  expect(meaningOf(classify, await rejection(prisma.$queryRawUnsafe(sql)))).toEqual(meaning);
});

it('a server that is gone is the dependency’s failure', async () => {
  await postgres.kill();
  const error = await rejection(prisma.owner.findUniqueOrThrow({ where: { id: 1 } }));
  expect(classify(error)).toMatchObject({ breakerFailure: true });
  const again = await rejection(prisma.owner.findUniqueOrThrow({ where: { id: 1 } }));
  expect(classify(again)).toMatchObject({ category: 'unavailable', breakerFailure: true });
}, 30_000);
