import { afterEach, describe, expect, it } from 'vitest';
import { classifier, type Rule } from '../src/index.ts';

const coded = (code: string, fields: object = {}) =>
  Object.assign(new Error(`failed with ${code}`), { code, ...fields });
const tick = () => new Promise((resolve) => setImmediate(resolve));

describe('classifier', () => {
  it('overrides any row by its code, and keeps what the override leaves out', () => {
    const classify = classifier({
      codes: { '503': { retryable: 'yes' }, '23505': { retryAfterMs: 50 } },
    });
    expect(classify({ status: 503 })).toMatchObject({
      category: 'overload',
      retryable: 'yes',
      code: '503',
    });
    expect(classify(coded('23505'))).toMatchObject({ category: 'conflict', retryAfterMs: 50 });
  });

  it("overrides one source's row where several have the code", () => {
    const classify = classifier({ codes: { 'http:429': { severity: 'critical' } } });
    expect(classify({ status: 429 })).toMatchObject({ source: 'http', severity: 'critical' });
    expect(classify({ status: 429, url: 'https://api.x.com/2/tweets' })).toMatchObject({
      source: 'x-api',
      severity: 'medium',
    });
  });

  it("adds codes and statuses of one's own", () => {
    const classify = classifier({
      codes: {
        EMINE: { category: 'quota', breakerFailure: false },
        '498': { category: 'authentication' },
      },
    });
    expect(classify(coded('EMINE'))).toMatchObject({
      source: 'custom',
      code: 'EMINE',
      category: 'quota',
      retryable: 'no',
      breakerFailure: false,
    });
    expect(classify({ status: 498 })).toMatchObject({
      source: 'custom',
      category: 'authentication',
    });
  });

  it('asks rules at every cause, outermost first, and fills in what they leave out', () => {
    const seen: object[] = [];
    const rule: Rule = (error) => {
      seen.push(error);
      return 'tenant' in error ? { severity: 'critical' } : undefined;
    };
    const inner = coded('40001', { tenant: 'a' });
    const outer = new Error('outer', { cause: inner });
    expect(classifier({ rules: [rule] })(outer)).toMatchObject({
      category: 'contention',
      retryable: 'yes',
      severity: 'critical',
      error: inner,
    });
    expect(seen).toEqual([outer, inner]);
  });

  it("lets the caller's abort win over rules", () => {
    const classify = classifier({ rules: [() => ({ category: 'quota' })] });
    expect(classify(coded('40001'), AbortSignal.abort())).toMatchObject({ category: 'cancelled' });
  });

  it('measures dates from its own now', () => {
    const classify = classifier({ now: () => Date.UTC(2026, 5, 15, 12) });
    expect(
      classify({ status: 503, headers: { 'retry-after': 'Mon, 15 Jun 2026 12:00:30 GMT' } }),
    ).toMatchObject({ retryAfterMs: 30_000 });
  });

  it.each<[string, unknown, RegExp]>([
    ['a rule that is no function', { rules: ['x'] }, /rules\[0\] must be a function, got string/],
    ['rules that are no array', { rules: {} }, /rules must be an array/],
    [
      'a category that does not exist',
      { codes: { A: { category: 'odd' } } },
      /codes\["A"\]: category must be a category, got odd/,
    ],
    [
      'a status out of range',
      { codes: { A: { httpStatus: 99 } } },
      /httpStatus must be an integer from 200 to 599, got 99/,
    ],
    [
      'a retryable that does not exist',
      { codes: { A: { retryable: true } } },
      /retryable must be yes, if-idempotent or no, got true/,
    ],
    [
      'a breakerFailure that is no boolean',
      { codes: { A: { breakerFailure: 1 } } },
      /breakerFailure must be a boolean/,
    ],
    [
      'a negative delay',
      { codes: { A: { retryAfterMs: -1 } } },
      /retryAfterMs must be a finite number >= 0, got -1/,
    ],
    [
      'a field that does not exist',
      { codes: { A: { retriable: 'yes' } } },
      /unknown field retriable/,
    ],
    ['a row that is no object', { codes: { A: 'x' } }, /codes\["A"\] must be an object/],
    ['an option that does not exist', { rule: [] }, /unknown option rule/],
    ['a now that is no function', { now: 5 }, /now must be a function/],
  ])('refuses %s at creation', (_, options, message) => {
    expect(() => Reflect.apply(classifier, undefined, [options])).toThrow(message);
  });

  describe('a rule that fails', () => {
    const warnings: Error[] = [];
    const listen = (warning: Error) => warnings.push(warning);
    afterEach(() => {
      process.off('warning', listen);
      warnings.length = 0;
    });

    it.each<[string, () => unknown]>([
      [
        'throws',
        () => {
          throw new Error('rule broke');
        },
      ],
      ['answers nonsense', () => ({ category: 'odd' })],
    ])('and %s is skipped, and reported once', async (_, rule) => {
      process.on('warning', listen);
      const classify: ReturnType<typeof classifier> = Reflect.apply(classifier, undefined, [
        { rules: [rule] },
      ]);
      for (let i = 0; i < 3; i++)
        expect(classify(coded('40001'))).toMatchObject({ category: 'contention' });
      await tick();
      expect(warnings.map(({ name, message }) => [name, /rules\[0\]/.test(message)])).toEqual([
        ['FourninesWarning', true],
      ]);
    });
  });
});
