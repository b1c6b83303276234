import type { IFailureEvent, ISuccessEvent } from 'cockatiel';
import type { Event } from '../event.ts';
import type { Attempt } from './attempt.ts';
import { Listeners } from './listeners.ts';
import type { ContractListeners } from './stage.ts';

/** How many listeners of `onSuccess` and `onFailure` there are, over all policies. */
let listening = 0;

/** The time that a listener's `duration` counts from; 0, and no clock read, while nobody listens. */
export function contractTime(): number {
  return listening === 0 ? 0 : performance.now();
}

/**
 * The two events of cockatiel's contract. They cost a clock read and an object per call, so a
 * policy reports them only while somebody listens; its counters are the cheap way to watch it.
 */
export class ContractEvents implements ContractListeners {
  readonly #success: Listeners<ISuccessEvent>;
  readonly #failure: Listeners<IFailureEvent>;

  constructor(kind: string) {
    this.#success = new Listeners(`${kind} onSuccess`);
    this.#failure = new Listeners(`${kind} onFailure`);
  }

  readonly onSuccess: Event<ISuccessEvent> = (listener) => counted(this.#success.add(listener));

  readonly onFailure: Event<IFailureEvent> = (listener) => counted(this.#failure.add(listener));

  settled(ok: boolean, outcome: unknown, attempt: Attempt): void {
    const listeners = ok ? this.#success : this.#failure;
    if (listeners.isEmpty) return;
    const duration = performance.now() - attempt.startedAt;
    if (ok) this.#success.emit({ duration });
    else {
      const handled = !attempt.isAbortedByCaller;
      this.#failure.emit({ duration, handled, reason: { error: outcome } });
    }
  }
}

/** Counts a subscription while it lasts. */
function counted(subscription: ReturnType<Event<unknown>>): ReturnType<Event<unknown>> {
  listening += 1;
  let isActive = true;
  const dispose = (): void => {
    if (!isActive) return;
    isActive = false;
    listening -= 1;
    subscription.dispose();
  };
  return { dispose, [Symbol.dispose]: dispose };
}
