import { type ManualClock, manualClock, seededRandom } from '@fournines/core/testing';
import {
  type Backoff,
  type GiveUpEvent,
  type RetryEvent,
  type RetryOptions,
  type RetryPolicy,
  exponential,
  retry,
} from '../src/index.ts';

/** A refused connection: known not to have taken effect. */
export const refused = (): Error => Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
/** A lost connection: nobody knows. */
export const reset = (): Error => Object.assign(new Error('reset'), { code: 'ECONNRESET' });
/** A server that asks for patience. */
export const limited = (seconds: string | number): Error =>
  Object.assign(new Error('limited'), { status: 429, headers: { 'retry-after': String(seconds) } });

/** No wait, not even a timer. */
export const AT_ONCE: Backoff = exponential({ initial: 0 });

/** A function that fails with each error in turn, then answers `'ok'`; and how often it ran. */
export function failing(...errors: unknown[]): { (): Promise<string>; calls: number } {
  const fn = async (): Promise<string> => {
    const n = fn.calls++;
    if (n < errors.length) throw errors[n];
    return 'ok';
  };
  fn.calls = 0;
  return fn;
}

/** A retry on a manual clock, and what it told. */
export interface Watched {
  readonly clock: ManualClock;
  readonly policy: RetryPolicy;
  readonly retries: readonly RetryEvent[];
  readonly giveUps: readonly GiveUpEvent[];
}

/** Makes one. */
export function watched(options: RetryOptions = {}): Watched {
  const clock = manualClock();
  const policy = retry({ clock, random: seededRandom(1), ...options });
  const retries: RetryEvent[] = [];
  const giveUps: GiveUpEvent[] = [];
  policy.onRetry((event) => retries.push(event));
  policy.onGiveUp((event) => giveUps.push(event));
  return { clock, policy, retries, giveUps };
}
