import type { BackoffContext } from '../backoff.ts';
import type { RetryRun } from './retry-run.ts';

/** What a backoff is told. The signal is made when it is read: most backoffs never do. */
export class RetryBackoffContext implements BackoffContext {
  readonly attempt: number;
  readonly result: BackoffContext['result'];
  readonly random: () => number;
  readonly #run: RetryRun;

  constructor(run: RetryRun, random: () => number) {
    this.attempt = run.number + 1;
    this.result = run.isValue ? { value: run.outcome } : { error: run.outcome };
    this.random = random;
    this.#run = run;
  }

  get signal(): AbortSignal {
    return this.#run.attempt.signal;
  }
}
