import type { Retryable } from '../classification.ts';
import type { Fields } from './fields.ts';
import type { ErrorRow, ErrorTable } from './table.ts';

/** What an error says beyond its row: a delay, a hint of the server. */
export interface Adjustment {
  readonly retryable?: Retryable | undefined;
  readonly retryAfterMs?: number | undefined;
}

/** One family of errors: its tables, and what it takes to find the right row. */
export interface Source {
  readonly tables: readonly ErrorTable[];
  /** Which keys an error's string `code` finds without further evidence; by default those that look like a code. */
  readonly byCode?: (key: string) => boolean;
  /** Codes that stand in the table under another key. */
  readonly aliases?: Readonly<Record<string, string>>;
  /** Looks at the rest of an error whose code has variants; the answer is a key of this source, or `source/key`. */
  readonly refine?: Readonly<Record<string, (error: Fields) => string | undefined>>;
  /** Rows that give way to whatever a cause says. */
  readonly wrappers?: readonly string[];
  /** Finds the row of an error whose code said nothing, by shape, name or message. */
  readonly match?: (error: Fields) => string | undefined;
  /** Finds the row by the message alone, where a library gives nothing better; asked after every `match`. */
  readonly message?: (message: string) => string | undefined;
  /** As `match`, but asked last, and a cause wins over it: names that anybody may use. */
  readonly weak?: (error: Fields) => string | undefined;
  /** The row that stands in for a key without one: an unknown HTTP status means what its hundred means. */
  readonly generalize?: (key: string) => string | undefined;
  /** The error that a wrapper hides elsewhere than in `cause`. */
  readonly inner?: (error: Fields) => unknown;
  /** What the error adds to its row. */
  readonly adjust?: (error: Fields, row: ErrorRow, now: () => number) => Adjustment | undefined;
}

/** The default of `byCode`: no message, no variant, no number. */
export function looksLikeCode(key: string): boolean {
  return !/[\s:*/]|^\d{1,3}$/.test(key);
}
