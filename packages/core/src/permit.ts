import type { PolicyError } from './errors.ts';

/**
 * Leave to do something now, from a policy's `tryAcquire`: for work that is no single function
 * call, such as a stream, a message consumer or a socket. Say how it ended, once; what comes after
 * that changes nothing. Disposing a permit that was never settled gives it back as if the work had
 * not happened: `using permit = policy.tryAcquire()`.
 */
export interface Permit extends Disposable {
  /** Tells it from a {@link Rejection}. */
  readonly granted: true;
  /** The work went well. */
  success(value?: unknown): void;
  /** The work failed. */
  failure(error: unknown): void;
}

/** A refusal by `tryAcquire`. Disposing it does nothing: it lets `using` take either answer. */
export interface Rejection extends Disposable {
  /** Tells it from a {@link Permit}. */
  readonly granted: false;
  /** Milliseconds until another try may be admitted, when known. */
  readonly retryAfterMs: number | undefined;
  /** What `execute` would have rejected with. */
  readonly error: PolicyError;
}
