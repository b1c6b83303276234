import {
  type Attempt,
  HELD,
  type Outcome,
  PARKED,
  REFUSED,
  StagedPolicy,
} from '../src/authoring.ts';
import type { Deadline, Snapshot } from '../src/index.ts';

/** What a test wants a stage to do. Every hook may be left out. */
export interface Script {
  readonly answersEarly?: boolean;
  readonly abortsInside?: boolean;
  readonly repeats?: boolean;
  readonly announcesStart?: boolean;
  enter?(attempt: Attempt, index: number): unknown;
  success?(
    value: unknown,
    token: unknown,
    attempt: Attempt,
    index: number,
    via: Attempt,
  ): void | typeof HELD;
  failure?(
    error: unknown,
    token: unknown,
    attempt: Attempt,
    index: number,
    via: Attempt,
  ): void | typeof HELD;
  abort?(reason: unknown, token: unknown, attempt: Attempt, index: number): void;
  late?(outcome: Outcome, token: unknown, attempt: Attempt, index: number, via: Attempt): void;
  deadline?(token: unknown): Deadline | undefined;
}

class Probe extends StagedPolicy {
  readonly answersEarly: boolean;
  readonly abortsInside: boolean;
  readonly repeats: boolean;
  readonly announcesStart: boolean;

  constructor(script: Script) {
    super('probe', {});
    this.answersEarly = script.answersEarly ?? false;
    this.abortsInside = script.abortsInside ?? false;
    this.repeats = script.repeats ?? false;
    this.announcesStart = script.announcesStart ?? false;
    // Only the hooks that the script has: a chain behaves otherwise where nobody looks.
    for (const hook of ['enter', 'success', 'failure', 'abort', 'late', 'deadline'] as const) {
      if (script[hook] !== undefined) Object.assign(this, { [hook]: script[hook] });
    }
  }

  snapshot(): Snapshot {
    return { status: 'up', counts: {} };
  }
}

/** A policy for tests of the runner: does what the script says. */
export function probe(script: Script): Probe {
  return new Probe(script);
}

/** Repeats its inside at once until it went well or `attempts` were made. */
export function repeater(attempts: number, script: Pick<Script, 'announcesStart'> = {}): Probe {
  return probe({
    ...script,
    repeats: true,
    enter(attempt) {
      attempt.number = 0;
      return { made: 1 };
    },
    failure(_error, token, attempt, index) {
      // Not `via.number`: an inner repeater counts its own tries there.
      const run = token as { made: number };
      if (!attempt.isRepeatable || attempt.isAborted(index) || run.made >= attempts)
        return undefined;
      run.made += 1;
      attempt.repeat(index, run.made - 1);
      return HELD;
    },
  });
}

/** A promise with its own functions. */
export function deferred<T = unknown>(): PromiseWithResolvers<T> {
  return Promise.withResolvers<T>();
}

/** Lets every promise that can settle do so. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

export { HELD, PARKED, REFUSED };
