import type {
  Attempt,
  DeadlineBucket,
  DeadlineNode,
  DeadlineQueue,
} from '@fournines/core/authoring';

/** What a timeout decides when a call's time is up. */
export interface Expiry {
  expired(call: TimedCall): void;
}

/** One call, or attempt, under a timeout: a node of the policy's deadline queue. */
export class TimedCall implements DeadlineNode {
  readonly owner: Expiry;
  readonly attempt: Attempt;
  readonly index: number;
  readonly startedAt: number;
  readonly durationMs: number;
  expiresAt: number;
  queueNext: DeadlineNode | undefined = undefined;
  queuePrevious: DeadlineNode | undefined = undefined;
  queueBucket: DeadlineBucket | undefined = undefined;
  /** Whether the caller has its answer, or the call has settled. */
  isOver = false;
  /** What it was aborted with before the callee settled: the caller's answer, unless the callee may still say better. */
  answeredWith: unknown = undefined;
  /** When it was aborted. */
  answeredAt = 0;
  /** The queue that it waits in: for its time to be up, then for its grace to be over. */
  queue: DeadlineQueue | undefined = undefined;
  /** The stack of the caller, when that was asked for. */
  callerStack: string | undefined = undefined;

  constructor(
    owner: Expiry,
    attempt: Attempt,
    index: number,
    startedAt: number,
    durationMs: number,
  ) {
    this.owner = owner;
    this.attempt = attempt;
    this.index = index;
    this.startedAt = startedAt;
    this.durationMs = durationMs;
    this.expiresAt = startedAt + durationMs;
  }

  expire(): void {
    this.queue = undefined;
    this.owner.expired(this);
  }

  waitIn(queue: DeadlineQueue): void {
    this.queue = queue;
    queue.add(this);
  }

  stopWaiting(): void {
    this.queue?.remove(this);
    this.queue = undefined;
  }
}
