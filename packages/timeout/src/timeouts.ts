import { type Component, type Snapshot, type CommonOptions, worstStatus } from '@fournines/core';
import { checkOptions, nextName } from '@fournines/core/authoring';
import { DurationWindow } from './internal/duration-window.ts';
import { durationFrom, variableOf } from './internal/environment.ts';
import { type TimeoutOptions, checkTimeoutOptions } from './options.ts';
import { TIMEOUT_CONFIGS } from './timeout-configs.ts';
import { Timeout, type TimeoutPolicy } from './timeout.ts';

/** What {@link timeouts} takes for each operation: a duration, or all options of a timeout. Its name is the operation's unless it has one. */
export type TimeoutConfigs<Name extends string = string> = Readonly<
  Record<Name, TimeoutOptions['duration'] | TimeoutOptions>
>;

/** Options of {@link timeouts}. */
export interface TimeoutsOptions extends CommonOptions {
  /** Where durations are overridden: `TIMEOUT_DATABASE_QUERY=2000`. Default `process.env`; `{}` for none. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** Named operations, each under a timeout of its own. A component, whose parts are the operations' policies. */
export interface Timeouts<Name extends string> extends Component {
  /**
   * The policy of an operation: always the same one.
   *
   * @throws RangeError when there is no operation of that name.
   */
  for(name: Name): TimeoutPolicy;
  /** The operations' policies, in the order in which they were given. */
  parts(): Iterable<TimeoutPolicy>;
}

/**
 * Makes a timeout for each named operation: those of {@link TIMEOUT_CONFIGS} and one's own. An
 * operation's duration is overridden by an environment variable, `TIMEOUT_` and its name in upper
 * case: `TIMEOUT_DATABASE_QUERY=2000`, `TIMEOUT_LLM_REQUEST=Infinity`; an empty one counts as not
 * set. Beside its counts each operation shows how long its calls of the last minute took: `p50Ms`,
 * `p95Ms` and `p99Ms`.
 *
 * @typeParam C The operations that are added.
 * @param configs Operations to add, or other durations and options for those that exist.
 * @throws TypeError or RangeError for an option, or a variable, that is out of bounds.
 */
export function timeouts<Name extends string = never>(
  configs?: TimeoutConfigs<Name>,
  options: TimeoutsOptions = {},
): Timeouts<keyof typeof TIMEOUT_CONFIGS | Name> {
  checkOptions('timeouts', options, ['env', 'name', 'clock']);
  const { name } = options;
  if (name !== undefined && (typeof name !== 'string' || name === '')) {
    throw new TypeError(
      `timeouts: name must be a non-empty string, got ${name === '' ? "''" : typeof name}`,
    );
  }
  if (configs !== undefined) {
    checkOptions('timeouts: configs', configs, Object.keys(configs ?? {}));
  }
  const { env = process.env } = options;
  if (typeof env !== 'object' || env === null) {
    throw new TypeError(
      `timeouts: env must be a record of strings, got ${env === null ? 'null' : typeof env}`,
    );
  }
  return new NamedTimeouts({ ...TIMEOUT_CONFIGS, ...configs }, { ...options, env });
}

class NamedTimeouts implements Timeouts<string> {
  readonly kind: string = 'timeouts';
  readonly name: string;
  readonly #policies: ReadonlyMap<string, Timeout>;

  constructor(
    configs: TimeoutConfigs,
    { env, name, clock }: TimeoutsOptions & Required<Pick<TimeoutsOptions, 'env'>>,
  ) {
    const policies = new Map<string, Timeout>();
    const operations = new Map<string, string>();
    for (const [operation, config] of Object.entries(configs)) {
      const variable = variableOf(operation);
      const other = operations.get(variable);
      if (other !== undefined) {
        throw new RangeError(
          `timeouts: operations must differ in their variable, got '${other}' and '${operation}' for ${variable}`,
        );
      }
      operations.set(variable, operation);
      const duration = durationFrom(env, variable);
      const own = {
        ...(clock && { clock }),
        name: operation,
        ...optionsOf(operation, config),
        ...(duration !== undefined && { duration }),
      };
      const policy = new Timeout(checkTimeoutOptions(own, `timeouts: ${operation}`), {
        durations: new DurationWindow(),
      });
      policies.set(operation, policy);
    }
    this.#policies = policies;
    this.name = name ?? nextName(this.kind);
  }

  for(name: string): TimeoutPolicy {
    const policy = this.#policies.get(name);
    if (policy !== undefined) return policy;
    const known = [...this.#policies.keys()].join(', ');
    throw new RangeError(`timeouts: operation must be one of ${known}, got '${String(name)}'`);
  }

  /** The worst status of its operations. What they counted stands in their own snapshots. */
  snapshot(): Snapshot {
    return { status: worstStatus(this.parts()), counts: {} };
  }

  parts(): Iterable<TimeoutPolicy> {
    return this.#policies.values();
  }
}

function optionsOf(operation: string, config: TimeoutConfigs[string]): TimeoutOptions {
  if (typeof config === 'number' || typeof config === 'function') return { duration: config };
  if (typeof config === 'object' && config !== null) return config;
  throw new TypeError(
    `timeouts: ${operation} must be a duration or options, got a value of type ${typeof config}`,
  );
}
