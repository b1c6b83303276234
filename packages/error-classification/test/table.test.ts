import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { classify } from '../src/index.ts';
import type { ErrorRow } from '../src/internal/table.ts';
import { allSources } from '../src/sources/all.ts';
import { errorFor } from './error-for.ts';

interface JsonRow extends Omit<ErrorRow, 'carriesDelay'> {
  readonly note: string;
  readonly reference: string;
  readonly retryDelay: string | null;
}

const json: readonly JsonRow[] = JSON.parse(
  readFileSync(new URL('../error-codes.json', import.meta.url), 'utf8'),
);
const rows = allSources.flatMap(({ tables }) => tables.flat());

describe('the table', () => {
  it('is the same in code and in error-codes.json', () => {
    const key = (row: { source: string; code: string }) => `${row.source}/${row.code}`;
    const fromJson = json.map(({ note, reference, retryDelay, ...row }) => {
      expect(reference).not.toBe('');
      expect(typeof note).toBe('string');
      return { ...row, carriesDelay: retryDelay !== null };
    });
    const byKey = (a: ErrorRow, b: ErrorRow) => (key(a) < key(b) ? -1 : 1);
    expect(rows.toSorted(byKey)).toEqual(fromJson.toSorted(byKey));
  });

  it('has each row once', () => {
    expect(new Set(rows.map((row) => `${row.source}/${row.code}`)).size).toBe(rows.length);
  });

  it('never blames a dependency for what a caller did wrong', () => {
    const ours = ['cancelled', 'validation', 'conflict', 'not-found', 'bug', 'contention'];
    expect(rows.filter((row) => ours.includes(row.category) && row.breakerFailure)).toEqual([]);
  });

  // The caller's own rows need a signal: see abort.test.ts.
  it.each(
    json
      .filter(({ code }) => !code.startsWith('caller:'))
      .map((row) => [`${row.source} ${row.code}`, row] as const),
  )('%s', (_, row) => {
    const { source, code, category, severity, retryable, breakerFailure, httpStatus } = row;
    expect(classify(errorFor(row))).toMatchObject({
      source,
      code,
      category,
      severity,
      retryable,
      breakerFailure,
      httpStatus,
    });
  });
});
