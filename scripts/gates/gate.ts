/** One check of `npm test`: a command that ends with 0 when the workspace keeps a rule. */
export interface Gate {
  /** A word for the list of results. */
  readonly name: string;
  /** Command and arguments, run in the workspace's top folder. */
  readonly command: readonly [string, ...string[]];
  /** The gate, earlier in the list, whose result this one reads. */
  readonly after?: string;
}

/** Every gate besides the tests; they read the packages that were built before. */
export const gates: readonly Gate[] = [
  { name: 'pack', command: ['node', 'scripts/gates/pack.ts'] },
  { name: 'types', command: ['node', 'scripts/gates/types.ts'] },
  {
    name: 'apidocs',
    command: ['typedoc', '--options', 'config/typedoc.json', '--logLevel', 'Warn'],
  },
  { name: 'api', command: ['node', 'scripts/gates/api-report.ts'] },
  {
    name: 'publint',
    command: ['node', 'scripts/gates/each-pack.ts', 'publint', 'run', '--strict', '{}'],
    after: 'pack',
  },
  {
    name: 'attw',
    command: [
      'node',
      'scripts/gates/each-pack.ts',
      'attw',
      '{}',
      '--profile',
      'esm-only',
      '--no-color',
    ],
    after: 'pack',
  },
  { name: 'install', command: ['node', 'scripts/gates/install.ts'], after: 'pack' },
  { name: 'readme', command: ['node', 'scripts/gates/readme.ts'], after: 'pack' },
  { name: 'knip', command: ['knip', '--config', 'config/knip.json', '--no-progress'] },
  { name: 'size', command: ['node', 'scripts/gates/size.ts'] },
  { name: 'lint', command: ['oxlint', '--type-aware', '--deny-warnings'] },
  { name: 'format', command: ['oxfmt', '--check'] },
];
