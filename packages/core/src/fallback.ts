import type { CallContext } from './call-options.ts';
import { checkFunction, checkOptions } from './check.ts';
import type { ComponentEvent, Snapshot } from './component.ts';
import type { Event } from './event.ts';
import type { Attempt } from './internal/attempt.ts';
import { ComponentEvents } from './internal/component-events.ts';
import { reportOnce } from './internal/report-once.ts';
import { HELD } from './internal/stage.ts';
import { type CommonOptions, StagedPolicy } from './internal/staged-policy.ts';
import type { Policy } from './policy.ts';

/** A fallback answered instead of the call. */
export interface FallbackEvent extends ComponentEvent {
  readonly type: 'fallback';
  /** The error that the caller does not see. */
  readonly error: unknown;
}

/** Counts of a fallback. */
export interface FallbackSnapshot extends Snapshot {
  readonly counts: {
    /** Calls and attempts that came in. */
    readonly calls: number;
    /** Of them, how many the fallback answered. */
    readonly used: number;
  };
}

/** A policy that answers when the call cannot. */
export interface FallbackPolicy<R> extends Policy<CallContext, FallbackSnapshot, R> {
  /** Every event of this policy. */
  readonly onEvent: Event<FallbackEvent>;
  /** The fallback answered. */
  readonly onFallback: Event<FallbackEvent>;
}

/** Options of {@link fallback}. */
export interface FallbackOptions extends CommonOptions {}

/**
 * Answers with `value` when the call fails with an error that `when` accepts. The caller's own
 * abort is never answered. A factory that throws leaves the call's own error.
 *
 * @param when Which errors are answered: `isTransient`, `() => true`. One that throws answers none.
 * @param value The answer, or a function of the error that makes it.
 * @throws TypeError when `when` is not a function or an option is unknown.
 */
export function fallback<R>(
  when: (error: unknown) => boolean,
  value: R | ((error: unknown) => R | Promise<R>),
  options: FallbackOptions = {},
): FallbackPolicy<R> {
  checkFunction('fallback: when', when);
  checkOptions('fallback', options, ['name', 'clock']);
  return new Fallback(when, value, options);
}

class Fallback<R>
  extends StagedPolicy<CallContext, FallbackSnapshot, R>
  implements FallbackPolicy<R>
{
  readonly #when: (error: unknown) => boolean;
  readonly #value: R | ((error: unknown) => R | Promise<R>);
  readonly #events: ComponentEvents<FallbackEvent> = new ComponentEvents<FallbackEvent>(this, [
    'fallback',
  ]);
  #calls = 0;
  #used = 0;

  readonly onEvent: Event<FallbackEvent> = this.#events.onEvent;
  readonly onFallback: Event<FallbackEvent> = this.#events.of('fallback');

  constructor(
    when: (error: unknown) => boolean,
    value: R | ((error: unknown) => R | Promise<R>),
    options: FallbackOptions,
  ) {
    super('fallback', options);
    this.#when = when;
    this.#value = value;
  }

  enter(): void {
    this.#calls += 1;
  }

  failure(
    error: unknown,
    _token: unknown,
    attempt: Attempt,
    index: number,
  ): undefined | typeof HELD {
    if (attempt.isAborted(index) || !this.#accepts(error)) return undefined;
    try {
      const answer = this.#answerFor(error);
      if (isPromiseLike(answer)) this.#await(answer, error, attempt, index);
      else this.#answer(answer, error, attempt, index);
      return HELD;
    } catch (thrown) {
      reportOnce(this.#value as object, 'fallback: value', thrown);
      return undefined;
    }
  }

  snapshot(): FallbackSnapshot {
    return { status: 'up', counts: { calls: this.#calls, used: this.#used } };
  }

  #accepts(error: unknown): boolean {
    try {
      return this.#when(error) === true;
    } catch (thrown) {
      reportOnce(this.#when, 'fallback: when', thrown);
      return false;
    }
  }

  #answerFor(error: unknown): R | Promise<R> {
    const value = this.#value;
    return typeof value === 'function'
      ? (value as (error: unknown) => R | Promise<R>)(error)
      : value;
  }

  #await(answer: Promise<R>, error: unknown, attempt: Attempt, index: number): void {
    Promise.resolve(answer).then(
      (value) => this.#answer(value, error, attempt, index),
      (thrown: unknown) => {
        reportOnce(this.#value as object, 'fallback: value', thrown);
        attempt.fail(index, error);
      },
    );
  }

  #answer(value: R, error: unknown, attempt: Attempt, index: number): void {
    // The caller may have given up while the factory worked: that is not answered either.
    if (attempt.isAborted(index)) return attempt.fail(index, attempt.abortReason);
    this.#used += 1;
    if (this.#events.wants('fallback')) {
      this.#events.emit({ type: 'fallback', at: this.clock.now(), error });
    }
    attempt.succeed(index, value);
  }
}

function isPromiseLike<R>(value: R | Promise<R>): value is Promise<R> {
  return typeof (value as { readonly then?: unknown } | null | undefined)?.then === 'function';
}
