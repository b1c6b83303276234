import { type Overrun, type TimedRun } from './timed-run.ts';
import { Timeout } from './timeout-base.ts';

/** Tells the function to stop and waits until it has. */
export class CooperativeTimeout extends Timeout {
  protected override expire(run: TimedRun): void {
    // Told to stop already: it ends with the reason of that abort, or with what it makes of it.
    if (!run.attempt.isAborted(run.index)) super.expire(run);
  }

  protected override stop(run: TimedRun, overrun: Overrun): void {
    run.attempt.abortInside(run.index, overrun.error);
  }

  protected override graceEndsAt(at: number): number {
    return at + this.options.grace;
  }
}
