import type { CallOptions } from '../call-options.ts';
import { watchCaller } from './attempt-signal.ts';
import { Attempt } from './attempt.ts';
import { neverStarted } from './never-started.ts';
import { faultOf, optionsOf, parentSignal } from './parent-signal.ts';
import { rejectSoon } from './reject-soon.ts';
import { runAhead, runDirectly } from './run.ts';
import type { Stage } from './stage.ts';

/** `answered` is a bit mask of 31 bits: a longer chain is nested. */
export const LONGEST_PIPELINE = 30;

/**
 * A stage as the runner sees it: its hooks as fields of one shape. Policies are of many classes, and
 * looking a hook up in each costs more than calling it.
 */
export class Step {
  readonly stage: Stage;
  readonly enter: Stage['enter'];
  readonly success: Stage['success'];
  readonly failure: Stage['failure'];

  constructor(stage: Stage) {
    this.stage = stage;
    this.enter = stage.enter;
    this.success = stage.success;
    this.failure = stage.failure;
  }
}

const NONE: readonly Stage[] = [];

/** A chain of stages, outermost first, compiled once and run for each call. */
export class Pipeline {
  readonly stages: readonly Stage[];
  readonly steps: readonly Step[];
  /** The index of the innermost stage. */
  readonly last: number;
  /** Whether a stage may answer, or park a call, before the function has settled. */
  readonly answersEarly: boolean;
  /** Whether a stage aborts what is inside of it, or gives it a deadline: if none does, the caller's own signal is handed on. */
  readonly abortsInside: boolean;
  /** Whether a stage repeats its inside: the context then has `attempt`. */
  readonly repeats: boolean;
  /** Whether a stage wants to know at once that the caller aborted. */
  readonly watchesCaller: boolean;
  /** The index of the outermost stage that does something with a failure. */
  readonly outermostHook: number;
  /** Whether a stage looks at the success of a first attempt. */
  readonly observesSuccess: boolean;
  /** Whether a stage wants its attempts to be known to what its function calls at once. */
  readonly announcesStart: boolean;
  /** The stages of the same chain that stand further out, beyond policies that are not ours. */
  outside: readonly Stage[] = NONE;
  /** Those that stand further in, beyond such policies. */
  inside: readonly Stage[] = NONE;

  constructor(stages: readonly Stage[]) {
    this.stages = stages;
    this.steps = stages.map((stage) => new Step(stage));
    this.last = stages.length - 1;
    this.answersEarly = stages.some((stage) => stage.answersEarly === true);
    this.abortsInside = stages.some(
      (stage) => stage.abortsInside === true || stage.deadline !== undefined,
    );
    this.announcesStart = stages.some((stage) => stage.announcesStart === true);
    this.repeats = stages.some((stage) => stage.repeats === true);
    this.watchesCaller = stages.some((stage) => stage.watchesCaller ?? stage.abort !== undefined);
    this.outermostHook = stages.findIndex((stage) => stage.failure !== undefined);
    this.observesSuccess = stages.some(
      (stage) => stage.observesSuccess ?? stage.success !== undefined,
    );
  }

  /** Runs `fn`. `extra` holds the context's fields of foreign policies further out. */
  run(
    fn: (context: never) => unknown,
    call: AbortSignal | CallOptions | undefined,
    extra?: object,
  ): Promise<unknown> {
    let options: CallOptions | undefined;
    let signal: AbortSignal | undefined;
    if (call !== undefined || typeof fn !== 'function') {
      const fault = faultOf(fn, call);
      if (fault !== undefined) return rejectSoon(fault);
      options = optionsOf(call);
      signal = parentSignal(call);
      if (signal?.aborted === true) return rejectSoon(neverStarted(signal));
    }
    const attempt = new Attempt(this, fn, options, signal);
    if (extra !== undefined) attempt.needAnnex().extra = extra;
    attempt.listen();
    if (this.watchesCaller && signal !== undefined) watchCaller(attempt);
    return this.answersEarly ? runAhead(attempt) : runDirectly(attempt);
  }
}
