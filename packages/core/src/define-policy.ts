import type { CallContext } from './call-options.ts';
import { checkFunction, checkOptions } from './check.ts';
import type { Clock } from './clock.ts';
import type { Snapshot } from './component.ts';
import type { Attempt } from './internal/attempt.ts';
import { reportOnce, reportRejection } from './internal/report-once.ts';
import type { REFUSED } from './internal/stage.ts';
import { type CommonOptions, StagedPolicy } from './internal/staged-policy.ts';
import type { Policy } from './policy.ts';

/** What a policy of your own does. */
export interface PolicyStages<Token, S extends Snapshot = Snapshot> {
  /** What it is, for metrics and events: `quota`, `tenant-guard`. */
  readonly kind: string;
  /** Its name. Default `<kind>-<n>`. */
  readonly name?: string;
  /** Where time comes from. Default: the system's monotonic clock. */
  readonly clock?: Clock;
  /**
   * Before the call, or an attempt of it. Throw to refuse: the error reaches the caller, and
   * policies further out, as it is. What it returns comes back to `success` or `failure`.
   */
  enter?(context: CallContext): Token;
  /** After an attempt that went well. What it throws is reported once and changes nothing. */
  success?(value: unknown, token: Token): void;
  /** After an attempt that failed. What it throws is reported once and changes nothing. */
  failure?(error: unknown, token: Token): void;
  /** What it shows. Default, and where it throws: status `up` and the count of calls. */
  snapshot?(): S;
}

const KNOWN = ['kind', 'name', 'clock', 'enter', 'success', 'failure', 'snapshot'];

/**
 * A policy of your own: as cheap inside {@link compose} as ours. It admits, refuses and observes;
 * to repeat, delay or answer for a call, use the policies that do.
 *
 * @throws TypeError when `kind` is missing or a hook is not a function.
 */
export function definePolicy<Token = undefined, S extends Snapshot = Snapshot>(
  stages: PolicyStages<Token, S>,
): Policy<CallContext, S> {
  checkOptions('definePolicy', stages, KNOWN);
  if (typeof stages.kind !== 'string' || stages.kind === '') {
    throw new TypeError(
      `definePolicy: kind must be a non-empty string, got ${String(stages.kind)}`,
    );
  }
  for (const hook of ['enter', 'success', 'failure', 'snapshot'] as const) {
    if (stages[hook] !== undefined) checkFunction(`definePolicy: ${hook}`, stages[hook]);
  }
  return new DefinedPolicy(stages);
}

class DefinedPolicy<Token, S extends Snapshot> extends StagedPolicy<CallContext, S> {
  readonly #stages: PolicyStages<Token, S>;
  #calls = 0;

  constructor(stages: PolicyStages<Token, S>) {
    super(stages.kind, stages as CommonOptions);
    this.#stages = stages;
  }

  enter(attempt: Attempt): Token | undefined | typeof REFUSED {
    this.#calls += 1;
    if (this.#stages.enter === undefined) return undefined;
    try {
      return this.#stages.enter(attempt.context as CallContext);
    } catch (error) {
      return attempt.refuse(error);
    }
  }

  success(value: unknown, token: unknown): void {
    const { success } = this.#stages;
    if (success === undefined) return;
    try {
      reportRejection(
        success.call(this.#stages, value, token as Token),
        success,
        `${this.kind}: success`,
      );
    } catch (error) {
      reportOnce(success, `${this.kind}: success`, error);
    }
  }

  failure(error: unknown, token: unknown): void {
    const { failure } = this.#stages;
    if (failure === undefined) return;
    try {
      reportRejection(
        failure.call(this.#stages, error, token as Token),
        failure,
        `${this.kind}: failure`,
      );
    } catch (thrown) {
      reportOnce(failure, `${this.kind}: failure`, thrown);
    }
  }

  snapshot(): S {
    const { snapshot } = this.#stages;
    try {
      if (snapshot !== undefined) return snapshot.call(this.#stages);
    } catch (error) {
      if (snapshot !== undefined) reportOnce(snapshot, `${this.kind}: snapshot`, error);
    }
    return { status: 'up', counts: { calls: this.#calls } } satisfies Snapshot as unknown as S;
  }
}
