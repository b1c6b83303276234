import type { Classification, Classifier } from './classification.ts';
import { engine } from './internal/engine.ts';
import { checkedOverride } from './internal/override.ts';
import { reportOnce } from './internal/report-once.ts';
import type { GuardedRule } from './internal/rules.ts';
import { allSources } from './sources/all.ts';

/** What a rule or a code may say; what it leaves out stays as the table has it. */
export type ClassificationOverride = Partial<Omit<Classification, 'error' | 'source' | 'code'>>;

/**
 * A rule of one's own: sees the error, then each of its causes, before the table does; the first answer wins.
 * `undefined` means "no opinion". A rule that throws, or answers nonsense, is skipped and reported once.
 */
export type Rule = (error: object, context: RuleContext) => ClassificationOverride | undefined;

/** What a rule is given beside the error. */
export interface RuleContext {
  /** The time, in epoch milliseconds. */
  now(): number;
}

/** Options of {@link classifier}. */
export interface ClassifierOptions {
  /** Rules of one's own, asked in order; default none. A rule that is not a function throws `TypeError`. */
  readonly rules?: readonly Rule[];
  /**
   * Rows to change or to add, by code (`'503'`, `'23505'`, `'MY_CODE'`) or by source and code where several sources
   * have it (`'x-api:503'`); default none. What a code that no row has leaves out is as for `unknown`. Throws
   * `TypeError` or `RangeError` for an unknown field or value.
   */
  readonly codes?: Readonly<Record<string, ClassificationOverride>>;
  /** Where dates in headers are measured from, in epoch milliseconds; default `Date.now`. */
  readonly now?: () => number;
}

const OPTIONS = new Set(['rules', 'codes', 'now']);

/**
 * A classifier with rules and rows of one's own over the whole table: `classify` as it would be if the table knew
 * your service. Bad options throw at once.
 */
export function classifier(options: ClassifierOptions = {}): Classifier {
  const { rules = [], codes = {}, now = Date.now } = options;
  for (const name of Object.keys(options)) {
    if (!OPTIONS.has(name))
      throw new TypeError(`classifier: unknown option ${name}; there are rules, codes and now`);
  }
  if (typeof now !== 'function')
    throw new TypeError(`classifier: now must be a function, got ${typeof now}`);
  if (!Array.isArray(rules))
    throw new TypeError(`classifier: rules must be an array, got ${typeof rules}`);
  if (typeof codes !== 'object' || codes === null) {
    throw new TypeError(
      `classifier: codes must be an object, got ${codes === null ? 'null' : typeof codes}`,
    );
  }
  const overrides = new Map(
    Object.entries(codes).map(([code, override]) => [
      code,
      checkedOverride(`classifier: codes[${JSON.stringify(code)}]`, override),
    ]),
  );
  const guarded = rules.map((rule: Rule, index) => guard(rule, index, { now }));
  return engine(allSources, { rules: guarded, overrides, now });
}

function guard(rule: Rule, index: number, context: RuleContext): GuardedRule {
  if (typeof rule !== 'function') {
    throw new TypeError(
      `classifier: rules[${index}] must be a function, got ${rule === null ? 'null' : typeof rule}`,
    );
  }
  return (error) => {
    try {
      const answer = rule(error, context);
      return answer === undefined
        ? undefined
        : checkedOverride(`the answer of rules[${index}]`, answer);
    } catch (failure) {
      reportOnce(rule, `classifier: rules[${index}] failed and is skipped`, failure);
      return undefined;
    }
  };
}
