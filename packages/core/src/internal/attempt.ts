import type { AsyncResource } from 'node:async_hooks';
import { inspect } from 'node:util';
import type { CallOptions } from '../call-options.ts';
import type { Deadline } from '../deadline.ts';
import { Annex, NOT_ABORTED } from './annex.ts';
import {
  type CallerWatch,
  deadlineOutside,
  rememberContext,
  signalOf,
  watchCaller,
} from './attempt-signal.ts';
import { contextOf } from './call-context.ts';
import { contractTime } from './contract-events.ts';
import type { Pipeline } from './pipeline.ts';
import { isRepeatable } from './repeatable.ts';
import {
  HAS_RUN,
  IS_PARKED,
  LISTENED,
  RETURNED,
  SETTLED,
  STARTED,
  WENT_WELL,
  carry,
  enter,
  tellAborted,
} from './run.ts';
import { PARKED, REFUSED } from './stage.ts';

/**
 * One run of a chain of policies, or of its inner part: a repetition starts at `base`, further in.
 * A call that goes well costs this one small record; what few calls need is in its annex. What a
 * call allocates is most of what it costs.
 *
 * How it works. A call *enters* the stages from `base` inward, then the function runs, then its
 * outcome *passes* the stages outward. A stage may take over: park the call on its way in, hold an
 * outcome, answer before the function has settled, repeat what is inside of it. Three things keep
 * that straight:
 * - `answered` has a bit for each stage that has answered, or that the outcome has passed: its part
 *   is over, no abort concerns it. What comes from further in afterwards is told to it as late.
 * - the abort scope is the outermost stage that aborted its inside (−1: the caller). A stage is
 *   aborted when its own index is greater.
 * - repetitions are attempts of their own, linked to the one whose inner part they repeat.
 */
export class Attempt {
  /** @internal The chain that it runs. */
  readonly pipeline: Pipeline;
  /** @internal */
  readonly fn: (context: never) => unknown;
  /** What the caller said about the call. */
  readonly call: CallOptions | undefined;
  /** @internal */
  readonly callerSignal: AbortSignal | undefined;
  /** What each stage's `enter` returned: the token itself in a chain of one. */
  #tokens: unknown = undefined;
  /** @internal How many stages the call has entered, counted from the outermost. */
  entered = 0;
  /** @internal A bit for each stage. */
  answered = 0;
  /** @internal Bits: see `run.ts`. */
  state = 0;
  /** @internal What the call was refused with, then what it came to. */
  outcome: unknown = undefined;
  /** @internal */
  resolve: ((value: unknown) => void) | undefined = undefined;
  /** @internal */
  reject: ((reason: unknown) => void) | undefined = undefined;
  /** @internal */
  watch: CallerWatch | undefined = undefined;
  /** @internal The asynchronous context of the call, where somebody needs it. */
  resource: AsyncResource | undefined = undefined;
  /** @internal */
  annex: Annex | undefined = undefined;

  /** @internal */
  constructor(
    pipeline: Pipeline,
    fn: (context: never) => unknown,
    call: CallOptions | undefined,
    callerSignal: AbortSignal | undefined,
  ) {
    this.pipeline = pipeline;
    this.fn = fn;
    this.call = call;
    this.callerSignal = callerSignal;
  }

  static {
    // Node prints a proxy as its target: a context should show what it offers instead.
    Object.defineProperty(Attempt.prototype, inspect.custom, {
      value(this: object) {
        return { ...this };
      },
    });
  }

  // What a stage may ask.

  /** The signal for what is inside: made when first read. */
  get signal(): AbortSignal {
    return signalOf(this);
  }

  /** What the function receives. */
  get context(): object {
    return contextOf(this);
  }

  /** Which try of the innermost retry this is, counted from 0. */
  get number(): number {
    return this.annex === undefined ? 0 : this.annex.number;
  }

  /** The stage that repeats its inside counts its own tries: the first is 0. */
  set number(value: number) {
    if (value !== this.number) this.needAnnex().number = value;
  }

  /** The deadline within which the innermost part of the chain runs. */
  get deadline(): Deadline | undefined {
    return deadlineOutside(this, this.pipeline.stages.length);
  }

  /** The earliest deadline that the stages outside of `index`, or the caller, set. */
  deadlineOutside(index: number): Deadline | undefined {
    return deadlineOutside(this, index);
  }

  /** Whether the caller or a stage outside of `index` has aborted the call. */
  isAborted(index: number): boolean {
    return this.abortScope < index || this.isAbortedByCaller;
  }

  /** Whether the caller's own signal was aborted. */
  get isAbortedByCaller(): boolean {
    return this.callerSignal?.aborted === true;
  }

  /** Why: the reason of the outermost abort. */
  get abortReason(): unknown {
    return this.isAbortedByCaller ? this.callerSignal?.reason : this.annex?.abortReason;
  }

  /** Whether the function may run again. A stream that has delivered its first chunk may not. */
  get isRepeatable(): boolean {
    return isRepeatable(this.call);
  }

  /**
   * Whether nothing runs because what would waits in a queue at this moment, or was never started.
   * A run that a stage has answered for, or given up on, does not count.
   */
  get isWaiting(): boolean {
    let waits = (this.state & STARTED) === 0;
    if (!waits && (this.state & RETURNED) === 0 && this.answered === 0) return false;
    for (let r = this.annex?.repetitions; r !== undefined; r = r.annex?.nextRepetition) {
      if (!r.isWaiting) return false;
      waits = true;
    }
    return waits;
  }

  /** Whether the function has been started for this attempt at least once, whatever has become of it. */
  get hasRun(): boolean {
    return (this.state & HAS_RUN) !== 0;
  }

  /** Whether the whole call has come to this very value: then it is the caller's, whoever else comes to it. */
  hasDelivered(value: unknown): boolean {
    const { root } = this;
    return (root.state & WENT_WELL) !== 0 && root.outcome === value;
  }

  /** Whether this stage has answered already. */
  hasAnswered(index: number): boolean {
    return (this.answered & (1 << index)) !== 0;
  }

  // What a stage may do.

  /** Gives a stage another token: `enter` returned the first. */
  setToken(index: number, token: unknown): void {
    const { last } = this.pipeline;
    if (last === 0) this.#tokens = token;
    else if (this.#tokens !== undefined || token !== undefined) {
      const tokens = (this.#tokens ??= new Array<unknown>(last + 1)) as unknown[];
      tokens[index] = token;
    }
  }

  /** @internal The token of a stage. */
  tokenAt(index: number): unknown {
    const tokens = this.#tokens;
    if (tokens === undefined || this.pipeline.last === 0) return tokens;
    return (tokens as unknown[])[index];
  }

  /** Refuses the call: `return attempt.refuse(error)` in `enter`. */
  refuse(error: unknown): typeof REFUSED {
    this.outcome = error;
    return REFUSED;
  }

  /** Parks the call: `return attempt.park(index, token)` in `enter`. Its abort reaches the stage's `abort`. */
  park(index: number, token: unknown): typeof PARKED {
    this.setToken(index, token);
    this.entered = index + 1;
    this.state |= IS_PARKED;
    rememberContext(this);
    watchCaller(this.root);
    return PARKED;
  }

  /** Lets a parked call go on inward. */
  resume(index: number, token: unknown): void {
    this.state &= ~IS_PARKED;
    this.setToken(index, token);
    this.inContext(() => enter(this, index + 1));
  }

  /** Carries a value outward from the stage at `index`; nothing happens when that has answered already. */
  succeed(index: number, value: unknown): void {
    if (this.hasAnswered(index)) return;
    this.answered |= 1 << index;
    carry(this, index - 1, true, value, this);
  }

  /** Carries an error outward from the stage at `index`; nothing happens when that has answered already. */
  fail(index: number, error: unknown): void {
    if (this.hasAnswered(index)) return;
    this.state &= ~IS_PARKED;
    this.answered |= 1 << index;
    carry(this, index - 1, false, error, this);
  }

  /** Answers the caller's side while the inside still runs: what comes from there is `late`. */
  answer(index: number, ok: boolean, outcome: unknown): void {
    if (this.hasAnswered(index)) return;
    this.answered |= 1 << index;
    if ((this.state & LISTENED) !== 0) {
      this.pipeline.stages[index]?.contract?.settled(ok, outcome, this);
    }
    carry(this, index - 1, ok, outcome, this);
  }

  /** Aborts what runs inside of the stage at `index` (−1: everything). */
  abortInside(index: number, reason: unknown): void {
    const annex = this.needAnnex();
    const former = annex.abortScope;
    if (former <= index) return;
    annex.abortScope = index;
    annex.abortReason = reason;
    if ((this.state & RETURNED) === 0) annex.controller?.abort(reason);
    const innermost = Math.min(former, this.entered - 1);
    for (let i = Math.max(index + 1, this.base); i <= innermost; i++) {
      if (!this.hasAnswered(i)) tellAborted(this, i, reason);
    }
    let repetition = annex.repetitions;
    while (repetition !== undefined) {
      const next = repetition.annex?.nextRepetition;
      if (index < repetition.base - 1) repetition.abortInside(index, reason);
      repetition = next;
    }
  }

  /** Runs what is inside of the stage at `index` once more. Its outcome comes to that stage's `success` or `failure`. */
  repeat(index: number, number: number): Attempt {
    const repetition = new Attempt(this.pipeline, this.fn, this.call, this.callerSignal);
    repetition.entered = index + 1;
    repetition.listen();
    const own = this.needAnnex();
    const annex = repetition.needAnnex();
    annex.parent = this;
    annex.base = index + 1;
    annex.number = number;
    annex.extra = own.extra;
    annex.nextRepetition = own.repetitions;
    own.repetitions = repetition;
    // The caller's abort is known to who watches only; an abort of the repeating stage's own inside
    // does not concern what it starts anew.
    if (this.isAborted(index)) {
      annex.abortScope = Math.min(own.abortScope, index - 1);
      annex.abortReason = this.abortReason;
    }
    enter(repetition, index + 1);
    return repetition;
  }

  /** From now on, the caller's abort reaches the stages. */
  watchCaller(): void {
    watchCaller(this.root);
  }

  /**
   * Remembers the asynchronous context of the call, for {@link inContext}. A stage that does so for
   * each call gives its index: it costs nothing where nothing of the user's runs further out. (A
   * signal that is read remembers it too, for its listeners.)
   */
  bindContext(index: number = Infinity): void {
    if (index > this.pipeline.outermostHook) rememberContext(this);
  }

  /** Runs `fn` in the call's own asynchronous context: a shared timer or another call's end is somebody else's. */
  inContext(fn: () => void): void {
    const { resource } = this;
    if (resource === undefined) fn();
    else resource.runInAsyncScope(fn);
  }

  // What the runner asks.

  /** @internal Made when first needed. */
  needAnnex(): Annex {
    return (this.annex ??= new Annex());
  }

  /** @internal Takes the time for the listeners of `onSuccess` and `onFailure`, if there are any. */
  listen(): void {
    const now = contractTime();
    if (now === 0) return;
    this.state |= LISTENED;
    this.needAnnex().startedAt = now;
  }

  /** @internal When it began, while there are such listeners. */
  get startedAt(): number {
    return this.annex?.startedAt ?? 0;
  }

  /** @internal The attempt whose inner part this one repeats. */
  get parent(): Attempt | undefined {
    return this.annex === undefined ? undefined : this.annex.parent;
  }

  /** @internal The stage after the one that repeats; 0 for the first attempt. */
  get base(): number {
    return this.annex === undefined ? 0 : this.annex.base;
  }

  /** @internal More fields of the context, from a foreign policy further out. */
  get extra(): object | undefined {
    return this.annex?.extra;
  }

  /** @internal The outermost stage that aborted its inside; −1: the caller. */
  get abortScope(): number {
    return this.annex === undefined ? NOT_ABORTED : this.annex.abortScope;
  }

  /** @internal */
  get isSettled(): boolean {
    return (this.state & SETTLED) !== 0;
  }

  /** @internal The first attempt of the call. */
  get root(): Attempt {
    let root: Attempt = this;
    while (root.parent !== undefined) root = root.parent;
    return root;
  }

  /** @internal Takes a repetition that has settled out of the list. */
  forget(repetition: Attempt): void {
    const { annex } = this;
    const next = repetition.annex?.nextRepetition;
    if (annex === undefined) return;
    if (annex.repetitions === repetition) {
      annex.repetitions = next;
      return;
    }
    let before = annex.repetitions?.annex;
    while (before !== undefined && before.nextRepetition !== repetition) {
      before = before.nextRepetition?.annex;
    }
    if (before !== undefined) before.nextRepetition = next;
  }
}
