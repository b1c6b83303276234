import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { PrismaPg } from '@prisma/adapter-pg';

const SCHEMA = `
generator client {
  provider = "prisma-client"
  output   = "./client"
}
datasource db {
  provider = "postgresql"
}
model Owner {
  id    Int     @id
  email String  @unique
  pets  Pet[]
}
model Pet {
  id      Int   @id
  ownerId Int
  owner   Owner @relation(fields: [ownerId], references: [id])
}
`;

const TABLES = [
  'create table "Owner" (id int primary key, email text not null unique)',
  'create table "Pet" (id int primary key, "ownerId" int not null references "Owner")',
];

/** As much of the generated client as the tests use. */
export interface Prisma {
  readonly owner: {
    create(query: unknown): Promise<unknown>;
    findUniqueOrThrow(query: unknown): Promise<unknown>;
  };
  readonly pet: { create(query: unknown): Promise<unknown> };
  $executeRawUnsafe(sql: string): Promise<unknown>;
  $queryRawUnsafe(sql: string): Promise<unknown>;
  $disconnect(): Promise<void>;
}

/** Generates a real Prisma client and connects it through its adapter for pg: no engine is needed, so none is downloaded. */
export async function prismaClient(url: string): Promise<Prisma> {
  const folder = join(import.meta.dirname, '../temp/prisma');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'schema.prisma'), SCHEMA);
  // `generate` wants to see a schema engine, but never runs it.
  const engine = join(folder, 'no-engine');
  writeFileSync(engine, '#!/bin/sh\n');
  chmodSync(engine, 0o755);
  const { resolve } = createRequire(import.meta.url);
  execFileSync(
    process.execPath,
    [resolve('prisma/build/index.js'), 'generate', '--schema', join(folder, 'schema.prisma')],
    {
      env: { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: engine, CHECKPOINT_DISABLE: '1' },
      stdio: 'pipe',
      cwd: folder,
    },
  );
  const generated = (await import(join(folder, 'client/client.ts'))) as {
    PrismaClient: new (options: unknown) => Prisma;
  };
  const adapter = new PrismaPg({ connectionString: url, connectionTimeoutMillis: 10_000 });
  const prisma = new generated.PrismaClient({ adapter });
  for (const table of TABLES) await prisma.$executeRawUnsafe(table);
  return prisma;
}
