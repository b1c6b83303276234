import type { Override } from './override.ts';

/** A user's rule, already guarded: never throws, answers a checked part of a classification. */
export type GuardedRule = (error: object) => Override | undefined;

/** What the first rule with an opinion says of an error. */
export function firstAnswer(rules: readonly GuardedRule[], error: object): Override | undefined {
  for (const rule of rules) {
    const override = rule(error);
    if (override !== undefined) return override;
  }
  return undefined;
}
