import type { Category, Retryable, Severity } from '../classification.ts';

/** One row of the table: what one code, name, status or message of one source means. */
export interface ErrorRow {
  /** Whose error it is: `pg`, `redis`, `node`, `http`, … */
  readonly source: string;
  /** The row's key: a code, a class name, `msg:` and a message, or a code, `:` and what tells its variant apart. */
  readonly code: string;
  /** What the source itself calls it, in a few words. */
  readonly name: string;
  /** What kind of failure it is. */
  readonly category: Category;
  /** How much a human should care. */
  readonly severity: Severity;
  /** Whether a second try is safe and may help. */
  readonly retryable: Retryable;
  /** Evidence that the dependency is unhealthy. */
  readonly breakerFailure: boolean;
  /** The HTTP status that our own service should answer with. */
  readonly httpStatus: number;
  /** Such an error may say how long to wait. */
  readonly carriesDelay: boolean;
}

/** All rows of one source. */
export type ErrorTable = readonly ErrorRow[];

type Cells = readonly [
  code: string,
  name: string,
  category: Category,
  severity: Severity,
  retryable: Retryable,
  breakerFailure: boolean,
  httpStatus: number,
  carriesDelay?: true,
];

/** Turns the compact lines of a table file into rows. */
export function table(source: string, lines: readonly Cells[]): ErrorTable {
  return lines.map(
    ([
      code,
      name,
      category,
      severity,
      retryable,
      breakerFailure,
      httpStatus,
      carriesDelay = false,
    ]) =>
      Object.freeze({
        source,
        code,
        name,
        category,
        severity,
        retryable,
        breakerFailure,
        httpStatus,
        carriesDelay,
      }),
  );
}
