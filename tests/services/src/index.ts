export { freePort } from './free-port.ts';
export {
  type PostgresOptions,
  type PostgresServer,
  createDatabase,
  dropDatabase,
  startPostgres,
} from './postgres.ts';
export { type RedisOptions, type RedisServer, startRedis } from './redis.ts';
export { TestServer } from './server.ts';
export { type TestDatabase, sharedRedis, testDatabase } from './shared.ts';
