/** One check of `npm test`: a command that ends with 0 when the workspace keeps a rule. */
export interface Gate {
  /** A word for the list of results. */
  readonly name: string;
  /** Command and arguments, run in the workspace's top folder. */
  readonly command: readonly [string, ...string[]];
  /** The gate whose result this one reads. */
  readonly after?: string;
}

/** Every gate besides the tests, the slow ones first. */
export const gates: readonly Gate[] = [
  { name: 'types', command: ['node', 'scripts/gates/types.ts'] },
  { name: 'format', command: ['oxfmt', '--check'] },
  { name: 'lint', command: ['oxlint', '--type-aware', '--deny-warnings'] },
];
