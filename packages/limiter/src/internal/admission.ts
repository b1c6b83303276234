import {
  type CallContext,
  type CommonOptions,
  type Event,
  LimitRejectedError,
  type Permit,
  type Rejection,
  type Snapshot,
} from '@fournines/core';
import { ComponentEvents, StagedPolicy, withoutStack } from '@fournines/core/authoring';
import type { LimitChangeEvent, LimiterEvent, RejectEvent } from '../limiter.ts';

/** What every limiter does: count what it admits and refuses, and tell of it. */
export abstract class Admission<Reason extends string, S extends Snapshot> extends StagedPolicy<
  CallContext,
  S
> {
  protected admitted = 0;
  protected inFlight = 0;
  protected readonly rejected: Record<Reason, number>;
  readonly #events: ComponentEvents<LimiterEvent<Reason>>;

  readonly onEvent: Event<LimiterEvent<Reason>>;
  readonly onReject: Event<RejectEvent<Reason>>;

  constructor(
    kind: string,
    options: CommonOptions,
    reasons: readonly Reason[],
    events: readonly LimiterEvent['type'][],
  ) {
    super(kind, options);
    this.rejected = Object.fromEntries(
      reasons.map((reason) => [reason, 0]),
    ) as typeof this.rejected;
    this.#events = new ComponentEvents<LimiterEvent<Reason>>(this, events);
    this.onEvent = this.#events.onEvent;
    this.onReject = this.#events.of('reject') as Event<RejectEvent<Reason>>;
  }

  /** What a kind that declares the event offers as `onLimitChange`. */
  protected limitChanges(): Event<LimitChangeEvent> {
    return this.#events.of('limit-change') as Event<LimitChangeEvent>;
  }

  protected tellLimitChange(from: number, to: number): void {
    if (from === to || !this.#events.wants('limit-change')) return;
    this.#events.emit({ type: 'limit-change', at: this.clock.now(), from, to });
  }

  /** Counts a refusal, tells of it, and makes its error. */
  protected reject(reason: Reason, because: string, retryAfterMs?: number): LimitRejectedError {
    this.rejected[reason] += 1;
    const error = withoutStack(
      () => new LimitRejectedError(this.name, { reason: because, retryAfterMs }),
    );
    if (this.#events.wants('reject')) {
      this.#events.emit({ type: 'reject', at: this.clock.now(), reason, error });
    }
    return error;
  }

  protected snapshotRejected(): Readonly<Record<Reason, number>> {
    return { ...this.rejected };
  }
}

/** How work under a permit ended. */
export type Settle = (outcome: 'success' | 'failure' | 'ignored', value: unknown) => void;

/** A permit that is settled once. */
export class HeldPermit implements Permit {
  readonly granted = true;
  #settle: Settle | undefined;

  constructor(settle: Settle) {
    this.#settle = settle;
  }

  success(value?: unknown): void {
    this.#end('success', value);
  }

  failure(error: unknown): void {
    this.#end('failure', error);
  }

  [Symbol.dispose](): void {
    this.#end('ignored', undefined);
  }

  #end(outcome: 'success' | 'failure' | 'ignored', value: unknown): void {
    const settle = this.#settle;
    this.#settle = undefined;
    settle?.(outcome, value);
  }
}

/** What `tryAcquire` answers for a refusal. */
export function rejection(error: LimitRejectedError): Rejection {
  return {
    granted: false,
    retryAfterMs: error.retryAfterMs,
    error,
    [Symbol.dispose]: () => {},
  };
}
