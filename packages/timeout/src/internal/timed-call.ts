import type { Timer } from '@fournines/core';
import type { Attempt, DeadlineNode } from '@fournines/core/authoring';

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
  /** Whether the caller has its answer, or the call has settled. */
  isOver = false;
  /** What the caller was answered with, before the callee settled. */
  answeredWith: unknown = undefined;
  /** Runs while the callee is given its grace. */
  graceTimer: Timer | undefined = undefined;
  /** Holds the stack of the caller, when that was asked for. */
  origin: { readonly stack?: string } | undefined = undefined;

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
    this.owner.expired(this);
  }
}
