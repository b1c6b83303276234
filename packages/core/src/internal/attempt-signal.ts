import { AsyncResource } from 'node:async_hooks';
import { type Deadline, carryDeadline, deadlineOf, earlier } from '../deadline.ts';
import { NOT_ABORTED } from './annex.ts';
import type { Attempt } from './attempt.ts';
import { type AbortNode, type SignalHub, joinHub } from './signal-hub.ts';

/** Given, because Node makes an object of its own otherwise. */
const RESOURCE = { requireManualDestroy: false };

/** The signal for what is inside of an attempt: made when first read. */
export function signalOf(attempt: Attempt): AbortSignal {
  const made = attempt.annex?.controller;
  if (made !== undefined) return made.signal;
  const root = attempt.root;
  const { callerSignal } = root;
  const { abortsInside } = attempt.pipeline;
  if (callerSignal !== undefined && !abortsInside) return callerSignal;

  const controller = new AbortController();
  const { signal } = controller;
  attempt.needAnnex().controller = controller;
  // Its listeners run in the call's own context, whoever aborts it.
  if (abortsInside) attempt.bindContext();
  carryOwnDeadline(attempt, signal);
  if (attempt.isAborted(NOT_ABORTED)) controller.abort(attempt.abortReason);
  else watchCaller(root);
  return signal;
}

/** Has the signal, if it was made already, carry the deadline of the stages entered by now. */
export function refreshDeadline(attempt: Attempt): void {
  const controller = attempt.annex?.controller;
  if (controller !== undefined) carryOwnDeadline(attempt, controller.signal);
}

function carryOwnDeadline(attempt: Attempt, signal: AbortSignal): void {
  const deadline = deadlineOutside(attempt, attempt.entered);
  if (deadline !== undefined) carryDeadline(signal, deadline);
}

/** Remembers the asynchronous context in which an attempt began. */
export function rememberContext(attempt: Attempt): void {
  attempt.resource ??= new AsyncResource('FourninesCall', RESOURCE);
}

/** The earliest deadline that the caller, or the stages outside of `index`, set. */
export function deadlineOutside(attempt: Attempt, index: number): Deadline | undefined {
  const { entered, base, parent } = attempt;
  const { stages } = attempt.pipeline;
  let earliest =
    parent === undefined ? givenDeadline(attempt) : deadlineOutside(parent, Math.min(index, base));
  for (let i = base; i < index && i < entered; i++) {
    const stage = stages[i];
    if (stage?.deadline !== undefined) {
      earliest = earlier(earliest, stage.deadline(attempt.tokenAt(i)));
    }
  }
  return earliest;
}

/** The deadline from outside of the chain: of the signal, of the caller's context, of a foreign policy's. */
function givenDeadline({ callerSignal, call, extra }: Attempt): Deadline | undefined {
  if (callerSignal === undefined && call === undefined && extra === undefined) return undefined;
  const given = earlier(deadlineOf(callerSignal), deadlineIn(call));
  return earlier(given, deadlineIn(extra));
}

function deadlineIn(fields: object | undefined): Deadline | undefined {
  return (fields as { readonly deadline?: Deadline } | undefined)?.deadline;
}

/** From now on, the caller's abort reaches the stages of this first attempt, and its repetitions. */
export function watchCaller(root: Attempt): void {
  const signal = root.callerSignal;
  if (signal === undefined || root.watch !== undefined || root.isSettled) return;
  // A signal that is aborted already tells nobody any more.
  if (signal.aborted) root.abortInside(-1, signal.reason);
  else root.watch = new CallerWatch(root, signal);
}

/** A call's place in the list of those that wait for the caller's abort. */
export class CallerWatch implements AbortNode {
  readonly #attempt: Attempt;
  readonly #hub: SignalHub;
  /** @internal */
  hubNext: AbortNode | undefined = undefined;
  /** @internal */
  hubPrevious: AbortNode | undefined = undefined;

  constructor(attempt: Attempt, signal: AbortSignal) {
    this.#attempt = attempt;
    this.#hub = joinHub(signal, this);
  }

  leave(): void {
    this.#hub.leave(this);
  }

  parentAborted(reason: unknown): void {
    this.#attempt.watch = undefined;
    this.#attempt.abortInside(-1, reason);
  }
}
