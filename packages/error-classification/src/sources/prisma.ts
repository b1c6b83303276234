import { type Fields, fieldsOf, nameOf, text } from '../internal/fields.ts';
import type { Source } from '../internal/source.ts';
import { prismaErrors } from '../tables/prisma.ts';

/** What Prisma 7's driver adapters call their failures where they give no code (`@prisma/driver-adapter-utils`). */
const KINDS: Readonly<Record<string, string>> = {
  AuthenticationFailed: 'P1000',
  DatabaseNotReachable: 'P1001',
  DatabaseDoesNotExist: 'P1003',
  SocketTimeout: 'P1008',
  DatabaseAlreadyExists: 'P1009',
  DatabaseAccessDenied: 'P1010',
  TlsConnectionError: 'P1011',
  ConnectionClosed: 'P1017',
  LengthMismatch: 'P2000',
  UniqueConstraintViolation: 'P2002',
  ForeignKeyConstraintViolation: 'P2003',
  NullConstraintViolation: 'P2011',
  ValueOutOfRange: 'P2020',
  TableDoesNotExist: 'P2021',
  ColumnNotFound: 'P2022',
  TransactionWriteConflict: 'P2034',
  TooManyConnections: 'P2037',
};

const CLASSES = new Set([
  'PrismaClientValidationError',
  'PrismaClientRustPanicError',
  'PrismaClientInitializationError',
  'PrismaClientUnknownRequestError',
  'DriverAdapterError',
  'SqlQueryError',
]);

/** Prisma 5 to 8. */
export const prisma: Source = {
  tables: [prismaErrors],
  wrappers: [
    'P2010',
    'P2036',
    'DriverAdapterError',
    'PrismaClientUnknownRequestError',
    'SqlQueryError',
    'RUNTIME.TRANSACTION_COMMIT_FAILED',
  ],
  refine: {
    P2028: (error) =>
      text(error.message).includes('Unable to start a transaction')
        ? 'P2028:Unable to start a transaction'
        : undefined,
  },
  match(error) {
    const kind = text(error.kind);
    if (kind !== '' && KINDS[kind] !== undefined) return KINDS[kind];
    const name = nameOf(error);
    if (name === 'SqlConnectionError')
      return error.transient === false ? 'SqlConnectionError:permanent' : name;
    return CLASSES.has(name) ? name : undefined;
  },
  inner: hiddenError,
};

/** P2010 and P2036 keep the driver's error in `meta`: whole in Prisma 7, as a bare SQLSTATE before. */
function hiddenError(error: Fields): unknown {
  const meta = fieldsOf(error.meta);
  if (meta.driverAdapterError !== undefined) return meta.driverAdapterError;
  return typeof meta.code === 'string' ? meta : undefined;
}
