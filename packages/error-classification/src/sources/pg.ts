import { type Fields, text } from '../internal/fields.ts';
import type { Source } from '../internal/source.ts';
import { pgClientErrors } from '../tables/pg-client.ts';
import { pgbouncerErrors } from '../tables/pgbouncer.ts';
import { pgErrors } from '../tables/pg.ts';

/** What PgBouncer says under 08P01, its default SQLSTATE for everything of its own (pgbouncer `src/proto.c`). */
const POOLER_MESSAGES = [
  ['query_wait_timeout', '08P01:query_wait_timeout'],
  ['query_timeout', '08P01:query_timeout'],
  ['no more connections allowed', '08P01:no more connections allowed'],
  ['server login has been failing', '08P01:server login has been failing'],
  ['client_login_timeout', '08P01:client_login_timeout'],
  ['server conn crashed', '08P01:server conn crashed'],
] as const;

/** A SQLSTATE without a row means what its class means (SQL standard; PostgreSQL appendix A). */
const CLASSES: Readonly<Record<string, string>> = {
  '08': '08000',
  '0A': '0A000',
  '20': '20000',
  '21': '21000',
  '22': '22000',
  '23': '23000',
  '24': '24000',
  '25': '25001',
  '26': '26000',
  '28': '28000',
  '2B': '2BP01',
  '2D': '2D000',
  '34': '34000',
  '3B': '3B001',
  '3D': '3D000',
  '3F': '3F000',
  '40': '40000',
  '42': '42601',
  '44': '44000',
  '53': '53000',
  '54': '54000',
  '55': '55000',
  '57': '57000',
  '58': '58000',
  F0: 'F0000',
  P0: 'P0001',
  XX: 'XX000',
};

const MESSAGES = new Map(pgClientErrors.map((row) => [row.code.slice('msg:'.length), row.code]));
const DEAD_CLIENT = 'Client has encountered a connection error and is not queryable';

/** PostgreSQL, PgBouncer and node-postgres. */
export const pg: Source = {
  tables: [pgErrors, pgbouncerErrors, pgClientErrors],
  refine: {
    '08P01': poolerVariant,
    '57014': (error) =>
      text(error.message).includes('due to user request') ? '57014:due to user request' : undefined,
    '0A000': (error) =>
      text(error.message).includes('cached plan must not change result type')
        ? '0A000:cached plan must not change result type'
        : undefined,
    XX000: (error) =>
      text(error.message).includes('tuple concurrently updated')
        ? 'XX000:tuple concurrently updated'
        : undefined,
  },
  match(error) {
    return sqlClass(error.code) ?? sqlClass(error.sqlState) ?? sqlClass(error.originalCode);
  },
  message: (message) =>
    message.startsWith(DEAD_CLIENT) ? `msg:${DEAD_CLIENT}` : MESSAGES.get(message),
};

function poolerVariant(error: Fields): string | undefined {
  const message = text(error.message);
  return POOLER_MESSAGES.find(([words]) => message.includes(words))?.[1];
}

function sqlClass(code: unknown): string | undefined {
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code)
    ? CLASSES[code.slice(0, 2)]
    : undefined;
}
