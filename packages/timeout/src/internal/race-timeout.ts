import { type Attempt, DeadlineQueue } from '@fournines/core/authoring';
import type { CheckedOptions } from './checked-options.ts';
import { type Overrun, SETTLED, TIME_UP, type TimedRun } from './timed-run.ts';
import { Timeout } from './timeout-base.ts';

/** Answers the caller when time is up or the call is aborted, whatever the function does. */
export class RaceTimeout extends Timeout {
  readonly answersEarly: boolean = true;
  /** Runs whose time is up and whose own error is waited for. */
  readonly #untilGraceEnds: DeadlineQueue;

  constructor(options: CheckedOptions) {
    super(options);
    this.#untilGraceEnds = new DeadlineQueue(this.clock, options);
  }

  abort(reason: unknown, run: TimedRun | undefined, attempt: Attempt, index: number): void {
    // Without a run: the duration's own function aborted the call, which then goes no further.
    if (run === undefined || run.state === SETTLED) return;
    const neverStarted = attempt.isWaiting;
    const at = this.clock.now();
    run.overrun = { error: reason, at, after: 'abort', graceEndsAt: at, neverStarted };
    this.close(run);
    attempt.answer(index, false, reason);
  }

  protected override expire(run: TimedRun): void {
    if (run.state === TIME_UP) this.#answer(run, run.overrun?.error);
    else super.expire(run);
  }

  protected override stop(run: TimedRun, overrun: Overrun): void {
    const { attempt, index } = run;
    if (this.options.grace === 0 || overrun.neverStarted) {
      // First the answer: a stage further in may react to the abort at once.
      this.#answer(run, overrun.error);
    } else {
      run.expiresAt = overrun.at + this.options.grace;
      this.#untilGraceEnds.add(run);
    }
    attempt.abortInside(index, overrun.error);
  }

  protected override graceEndsAt(at: number): number {
    // The queue ends it: whoever comes before that is in time, also after a blocked event loop.
    return this.options.grace === 0 ? at : Infinity;
  }

  protected override close(run: TimedRun): void {
    if (run.state === TIME_UP) this.#untilGraceEnds.remove(run);
    super.close(run);
  }

  #answer(run: TimedRun, error: unknown): void {
    this.close(run);
    run.attempt.answer(run.index, false, error);
  }
}
