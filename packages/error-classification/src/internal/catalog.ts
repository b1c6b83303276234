import type { Fields } from './fields.ts';
import type { Override } from './override.ts';
import { looksLikeCode, type Source } from './source.ts';
import type { ErrorRow } from './table.ts';
import { UNKNOWN } from './unknown.ts';

/** What is changed, by key, or by source, `:` and key. */
export type Overrides = ReadonlyMap<string, Override>;

/** A row as it stands after the user's changes, with what its source does to find more. */
export interface Entry {
  readonly row: ErrorRow;
  readonly retryAfterMs: number | undefined;
  readonly wrapper: boolean;
  readonly refine: ((error: Fields) => string | undefined) | undefined;
  readonly adjust: Source['adjust'];
  readonly inner: Source['inner'];
  readonly keys: ReadonlyMap<string, Entry>;
}

/** A source, and its rows by key. */
interface Shape {
  readonly source: Source;
  readonly keys: ReadonlyMap<string, Entry>;
}

/** All rows of some sources, by everything that can find them. */
export interface Catalog {
  /** By an error's `code`. */
  readonly codes: ReadonlyMap<string, Entry>;
  /** By source, `/` and key. */
  readonly qualified: ReadonlyMap<string, Entry>;
  readonly shapes: readonly Shape[];
}

/** Lays out the rows of some sources once, so that a look-up by code is one `Map.get`. */
export function catalog(sources: readonly Source[], overrides: Overrides | undefined): Catalog {
  const codes = new Map<string, Entry>();
  const qualified = new Map<string, Entry>();
  const shapes = sources.map((source) => compile(source, overrides, codes, qualified));
  if (overrides !== undefined) addCustomCodes(overrides, sources, shapes, codes);
  return { codes, qualified, shapes };
}

function compile(
  source: Source,
  overrides: Overrides | undefined,
  codes: Map<string, Entry>,
  qualified: Map<string, Entry>,
): Shape {
  const keys = new Map<string, Entry>();
  const byCode = source.byCode ?? looksLikeCode;
  for (const row of source.tables.flat()) {
    const override = overrides?.get(`${row.source}:${row.code}`) ?? overrides?.get(row.code);
    const { retryAfterMs, ...changes } = override ?? {};
    const entry: Entry = {
      row: override === undefined ? row : { ...row, ...changes },
      retryAfterMs,
      wrapper: override === undefined && (source.wrappers?.includes(row.code) ?? false),
      refine: source.refine?.[row.code],
      adjust: source.adjust,
      inner: source.inner,
      keys,
    };
    keys.set(row.code, entry);
    qualified.set(`${row.source}/${row.code}`, entry);
    if (byCode(row.code)) codes.set(row.code, entry);
  }
  for (const [code, key] of Object.entries(source.aliases ?? {})) {
    const entry = keys.get(key);
    if (entry !== undefined) codes.set(code, entry);
  }
  return { source, keys };
}

/** Codes that no row has: found by an error's `code`, and as an HTTP status where they look like one. */
function addCustomCodes(
  overrides: Overrides,
  sources: readonly Source[],
  shapes: readonly Shape[],
  codes: Map<string, Entry>,
): void {
  const taken = new Set(
    sources.flatMap(({ tables }) =>
      tables.flat().flatMap((row) => [row.code, `${row.source}:${row.code}`]),
    ),
  );
  for (const [key, { retryAfterMs, ...changes }] of overrides) {
    if (taken.has(key)) continue;
    const row: ErrorRow = { ...UNKNOWN, ...changes, source: 'custom', code: key, name: key };
    for (const { source, keys } of shapes) {
      if (source.generalize === undefined || !/^[1-5]\d\d$/.test(key)) continue;
      (keys as Map<string, Entry>).set(key, {
        row,
        retryAfterMs,
        wrapper: false,
        refine: undefined,
        adjust: source.adjust,
        inner: undefined,
        keys,
      });
    }
    codes.set(key, {
      row,
      retryAfterMs,
      wrapper: false,
      refine: undefined,
      adjust: undefined,
      inner: undefined,
      keys: new Map(),
    });
  }
}
