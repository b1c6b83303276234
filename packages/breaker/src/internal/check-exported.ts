import { checkNumber, checkOneOf, checkOptions } from '@fournines/core/authoring';
import type { ExportedCircuit } from '../exported-circuit.ts';

const KNOWN = [
  'version',
  'state',
  'isolated',
  'exportedAt',
  'openUntil',
  'openings',
  'consecutiveFailures',
  'window',
];

/** A window counts in 32 bits. */
const MOST_CALLS = 2 ** 32 - 1;

/** Checks what came from another process, or from a disk. Throws TypeError or RangeError. */
export function checkExported(value: unknown): ExportedCircuit {
  const where = 'breaker: initialState';
  checkOptions(where, value, KNOWN);
  const exported = value as ExportedCircuit;
  if (exported.version !== 1) {
    throw new TypeError(`${where}.version must be 1, got ${String(exported.version)}`);
  }
  checkOneOf(`${where}.state`, exported.state, ['closed', 'open']);
  checkNumber(`${where}.exportedAt`, exported.exportedAt, { min: 0 });
  if (exported.openUntil !== undefined && exported.openUntil !== null) {
    checkNumber(`${where}.openUntil`, exported.openUntil, { min: 0, infinity: true });
  }
  const count = { min: 0, integer: true } as const;
  checkNumber(`${where}.openings`, exported.openings, count);
  checkNumber(`${where}.consecutiveFailures`, exported.consecutiveFailures, count);
  const { window } = exported;
  checkOneOf(`${where}.window.kind`, window?.kind, ['time', 'count']);
  if (window.kind === 'time') {
    checkNumber(`${where}.window.bucketMs`, window.bucketMs, { above: 0 });
    checkList(`${where}.window.buckets`, window.buckets);
    let sum = 0;
    for (const bucket of window.buckets) {
      checkList(`${where}.window.buckets`, bucket);
      const [calls, failures, slow] = bucket;
      const most = checkNumber(`${where}.window.buckets`, calls, { ...count, max: MOST_CALLS });
      checkNumber(`${where}.window.buckets`, failures, { ...count, max: most });
      checkNumber(`${where}.window.buckets`, slow, { ...count, max: most });
      sum += most;
    }
    checkNumber(`${where}.window.buckets, all calls together,`, sum, { max: MOST_CALLS });
  } else {
    checkList(`${where}.window.outcomes`, window.outcomes);
    for (const outcome of window.outcomes) {
      checkNumber(`${where}.window.outcomes`, outcome, { ...count, max: 3 });
    }
  }
  return exported;
}

function checkList(where: string, value: unknown): void {
  if (!Array.isArray(value)) throw new TypeError(`${where} must be an array, got ${typeof value}`);
}
