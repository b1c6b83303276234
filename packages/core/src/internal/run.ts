import { refreshDeadline } from './attempt-signal.ts';
import type { Attempt } from './attempt.ts';
import type { Step } from './pipeline.ts';
import { reportOnce } from './report-once.ts';
import { HELD, PARKED, REFUSED, type Stage } from './stage.ts';
import { contextOf } from './call-context.ts';
import { NOT_ABORTED } from './annex.ts';
import { rejectSoon } from './reject-soon.ts';

/** What an attempt has come to: bits of its `state`. */
export const STARTED = 1;
/** The function, once started, has settled. */
export const RETURNED = 2;
/** A stage has parked it on its way in. */
export const IS_PARKED = 4;
/** It is over, with the error in `outcome`, or with the value. */
export const SETTLED = 8;
/** With {@link SETTLED}: with a value. */
export const WENT_WELL = 16;
/** Somebody listened to `onSuccess` or `onFailure` when it began. */
export const LISTENED = 32;
/** The function has been started in it, or in an attempt that repeated an inner part of it. */
export const HAS_RUN = 64;

const starting: Attempt[] = [];

/**
 * The attempts whose functions are just being started, further up the stack, the innermost last:
 * those of chains in which a stage `announcesStart`. A call that comes in meanwhile is part of
 * them, where policies are nested by cockatiel's `wrap`, or is made by such a function. What a
 * function does later is not known.
 */
export function startingAttempts(): readonly Attempt[] {
  return starting;
}

function announce(attempt: Attempt): unknown {
  starting.push(attempt);
  try {
    return attempt.fn(contextOf(attempt) as never);
  } finally {
    starting.pop();
  }
}

/**
 * Runs a chain in which no stage answers early: the outcome passes the stages inside the callee's
 * own `then`, which saves a promise.
 */
export function runDirectly(attempt: Attempt): Promise<unknown> {
  if (!enterStages(attempt, 0)) return promiseOfOutcome(attempt);
  const { pipeline } = attempt;
  attempt.state |= STARTED | HAS_RUN;
  const onSuccess =
    pipeline.observesSuccess || mayBeWatched(attempt)
      ? (value: unknown): unknown => {
          attempt.state |= RETURNED;
          if (!pass(attempt, pipeline.last, true, value, attempt)) return takeOutcome(attempt);
          finish(attempt, true, value);
          return value;
        }
      : undefined;
  const onFailure = (error: unknown): unknown => {
    comeBack(attempt, false, error);
    return takeOutcome(attempt);
  };
  // The function may throw, and so may a `then` that its promise has of its own.
  try {
    return Promise.resolve(start(attempt)).then(onSuccess, onFailure);
  } catch (error) {
    comeBack(attempt, false, error);
    return promiseOfOutcome(attempt);
  }
}

/** Runs a chain in which a stage may answer before the function has settled: with a promise of its own. */
export function runAhead(attempt: Attempt): Promise<unknown> {
  const promise = promiseOf(attempt);
  enter(attempt, 0);
  return promise;
}

/** Enters the stages from `from` inward, then the function. */
export function enter(attempt: Attempt, from: number): void {
  if (!enterStages(attempt, from)) return;
  markRun(attempt);
  const onSuccess = (value: unknown): void => comeBack(attempt, true, value);
  const onFailure = (error: unknown): void => comeBack(attempt, false, error);
  try {
    Promise.resolve(start(attempt)).then(onSuccess, onFailure);
  } catch (error) {
    onFailure(error);
  }
}

/** The function has settled. */
function comeBack(attempt: Attempt, ok: boolean, outcome: unknown): void {
  attempt.state |= RETURNED;
  carry(attempt, attempt.pipeline.last, ok, outcome, attempt);
}

function start(attempt: Attempt): unknown {
  return attempt.pipeline.announcesStart
    ? announce(attempt)
    : attempt.fn(contextOf(attempt) as never);
}

function markRun(attempt: Attempt): void {
  attempt.state |= STARTED;
  let around: Attempt | undefined = attempt;
  for (; around !== undefined; around = around.parent) around.state |= HAS_RUN;
}

/** Returns whether the function may run now. */
function enterStages(attempt: Attempt, from: number): boolean {
  const { steps, last } = attempt.pipeline;
  for (let i = from; i <= last; i++) {
    // Aborted on its way in: by a stage's own hook, or before a parked call was let go on.
    if (attempt.abortScope !== NOT_ABORTED) return turnBack(attempt, i - 1);
    const step = steps[i] as Step;
    if (step.enter !== undefined) {
      let token: unknown;
      try {
        token = step.enter.call(step.stage, attempt, i);
      } catch (error) {
        token = refuseFaulty(attempt, step.stage, error);
      }
      // By type first: an object and a symbol are compared by a call, types are not.
      if (typeof token === 'symbol' && stopsAt(attempt, i, token)) return false;
      attempt.setToken(i, token);
    }
    attempt.entered = i + 1;
  }
  // A stage, or a function of the user's that it asked, may have read the signal on the way in.
  if (attempt.annex !== undefined) refreshDeadline(attempt);
  return attempt.abortScope === NOT_ABORTED || turnBack(attempt, last);
}

/** Whether a stage refused the call, or parked it. */
function stopsAt(attempt: Attempt, index: number, token: symbol): boolean {
  if (token === REFUSED) {
    carry(attempt, index - 1, false, attempt.outcome, attempt);
    return true;
  }
  if (token !== PARKED) return false;
  // An abort while it entered did not reach it: it had no token yet.
  const isParked = (attempt.state & IS_PARKED) !== 0;
  if (isParked && attempt.abortScope < index && !attempt.hasAnswered(index)) {
    tellAborted(attempt, index, attempt.abortReason);
  }
  return true;
}

/** Tells a stage that the call is aborted from further out. */
export function tellAborted(attempt: Attempt, index: number, reason: unknown): void {
  const { stage } = attempt.pipeline.steps[index] as Step;
  try {
    stage.abort?.(reason, attempt.tokenAt(index), attempt, index);
  } catch (error) {
    reportFault(stage, error);
  }
}

/** Hooks must not throw. One that does is a defect of its policy, and must not become one of all others. */
function reportFault(stage: Stage, error: unknown): void {
  const { kind = 'policy' } = stage as { readonly kind?: string };
  reportOnce(stage, `${kind}: a hook of the policy itself`, error);
}

function refuseFaulty(attempt: Attempt, stage: Stage, error: unknown): typeof REFUSED {
  reportFault(stage, error);
  return attempt.refuse(error);
}

/** Fails with the reason of the abort, from the stage at `from` outward: the function does not run. */
function turnBack(attempt: Attempt, from: number): false {
  carry(attempt, from, false, attempt.abortReason, attempt);
  return false;
}

/** Carries an outcome outward, starting with the stage at `from`, and on to the caller when none holds it. */
export function carry(
  attempt: Attempt,
  from: number,
  ok: boolean,
  outcome: unknown,
  source: Attempt,
): void {
  if (pass(attempt, from, ok, outcome, source)) settle(attempt, ok, outcome);
}

/** Tells the stages from `from` outward. Returns whether the outcome came past all of them. */
function pass(
  attempt: Attempt,
  from: number,
  ok: boolean,
  outcome: unknown,
  source: Attempt,
): boolean {
  const { steps } = attempt.pipeline;
  const { base } = attempt;
  let via = source;
  for (let i = from; i >= base; i--) {
    const step = steps[i] as Step;
    const { stage } = step;
    if (attempt.hasAnswered(i)) {
      const late = ok ? { ok, value: outcome } : { ok, error: outcome };
      try {
        stage.late?.(late, attempt.tokenAt(i), attempt, i, via);
      } catch (error) {
        reportFault(stage, error);
      }
      return false;
    }
    if ((attempt.state & LISTENED) !== 0) stage.contract?.settled(ok, outcome, attempt);
    const hook = ok ? step.success : step.failure;
    try {
      const taken = hook?.call(stage, outcome, attempt.tokenAt(i), attempt, i, via);
      if (taken !== undefined && taken === HELD) return false;
    } catch (error) {
      reportFault(stage, error);
      if (attempt.hasAnswered(i)) return false;
    }
    attempt.answered |= 1 << i;
    // A repetition concerns the stage that started it; to those further out it is this attempt.
    via = attempt;
  }
  return true;
}

function settle(attempt: Attempt, ok: boolean, outcome: unknown): void {
  const { parent } = attempt;
  if (parent !== undefined) {
    attempt.state |= SETTLED;
    parent.forget(attempt);
    carry(parent, attempt.base - 1, ok, outcome, attempt);
    return;
  }
  finish(attempt, ok, outcome);
  if (ok) attempt.resolve?.(outcome);
  else attempt.reject?.(outcome);
}

function finish(attempt: Attempt, ok: boolean, outcome: unknown): void {
  attempt.state |= ok ? SETTLED | WENT_WELL : SETTLED;
  attempt.outcome = outcome;
  attempt.watch?.leave();
}

/** Whether the call listens to the caller's abort or has listeners, or may do so when the signal is read late. */
function mayBeWatched(attempt: Attempt): boolean {
  if (attempt.watch !== undefined || (attempt.state & LISTENED) !== 0) return true;
  return attempt.callerSignal !== undefined && attempt.pipeline.abortsInside;
}

function promiseOf(attempt: Attempt): Promise<unknown> {
  return new Promise((resolve, reject) => {
    attempt.resolve = resolve;
    attempt.reject = reject;
  });
}

/** The outcome, inside a handler of the callee's promise. */
function takeOutcome(attempt: Attempt): unknown {
  if (!attempt.isSettled) return promiseOf(attempt);
  if ((attempt.state & WENT_WELL) !== 0) return attempt.outcome;
  throw attempt.outcome;
}

function promiseOfOutcome(attempt: Attempt): Promise<unknown> {
  if (!attempt.isSettled) return promiseOf(attempt);
  const wentWell = (attempt.state & WENT_WELL) !== 0;
  return wentWell ? Promise.resolve(attempt.outcome) : rejectSoon(attempt.outcome);
}
