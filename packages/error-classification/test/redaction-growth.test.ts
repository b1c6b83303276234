import { expect, test } from 'vitest';
import { errorContext } from '../src/index.ts';

/** Texts in which a pattern may begin at every place, and ends nowhere. */
const HOSTILE: readonly string[] = [
  'a',
  'a+',
  'a://',
  'a://b',
  '-a',
  'token',
  'token ',
  'a-token',
  'token="',
  "token='",
  'token="\\a',
  'eyJ-',
  '-eyJaaaaaaaa',
  'eyJaaaaaaaa.',
  '.eyJaaaaaaaa',
  'Basic ',
  'cookie ',
  'proxy-',
  'sk-a',
  '-sk-aaaaaaaaaaaaaaa',
  'ghp_',
  'xoxa-',
  '-----BEGIN A',
  '-----BEGIN PRIVATE KEY-----x-----END ',
];

/** The best of three, in milliseconds. */
function timeFor(unit: string, length: number): number {
  const error = new Error(unit.repeat(length / unit.length));
  let best = Infinity;
  for (let i = 0; i < 3; i++) {
    const start = performance.now();
    errorContext(error, { maxLength: length, stack: false });
    best = Math.min(best, performance.now() - start);
  }
  return best;
}

test.each(HOSTILE)('takes time in proportion to the text: %j over and over', (unit) => {
  const short = timeFor(unit, 25_000);
  const long = timeFor(unit, 100_000);
  // Four times the text: four times the time, not sixteen. What takes next to nothing is not measured.
  expect(long).toBeLessThan(9 * Math.max(short, 4));
});
