import {
  BrokenCircuitError as CockatielBrokenCircuitError,
  BulkheadRejectedError as CockatielBulkheadRejectedError,
  TaskCancelledError as CockatielTaskCancelledError,
} from 'cockatiel';

/** Marks our errors; the same for every installed copy of this package. */
const BRAND = Symbol.for('@fournines/core/error');

/** What every error of a policy has. */
export interface PolicyErrorFields {
  /** The name of the policy that refused or gave up. */
  readonly policy: string;
  /** Which error it is, for `switch`: see {@link PolicyError}. */
  readonly code: 'ETIMEDOUT' | 'EDEADLINE' | 'ECIRCUITOPEN' | 'ELIMITED';
}

/**
 * The call took longer than a timeout allows; it may still be running, and it may have taken
 * effect. cockatiel's `isTaskCancelledError` holds.
 */
export class TimeoutError extends CockatielTaskCancelledError implements PolicyErrorFields {
  /** Always `TimeoutError`. */
  override readonly name = 'TimeoutError';
  readonly code = 'ETIMEDOUT';
  readonly policy: string;
  /** The timeout that ran out, in milliseconds. */
  readonly durationMs: number;

  /**
   * @param policy The name of the policy whose time ran out.
   * @param durationMs The timeout, in milliseconds.
   */
  constructor(policy: string, durationMs: number, options?: ErrorOptions) {
    super(`${policy}: timed out after ${durationMs} ms`);
    this.policy = policy;
    this.durationMs = durationMs;
    finish(this, options);
  }
}

/**
 * The call was never started: no time was left, or its time ran out while it waited in a queue.
 * It had no effect and says nothing about the dependency. cockatiel's `isTaskCancelledError` holds.
 */
export class DeadlineExceededError
  extends CockatielTaskCancelledError
  implements PolicyErrorFields
{
  /** Always `DeadlineExceededError`. */
  override readonly name = 'DeadlineExceededError';
  readonly code = 'EDEADLINE';
  readonly policy: string;

  /** @param policy The name of the policy that refused to start. */
  constructor(policy: string, options?: ErrorOptions) {
    super(`${policy}: the deadline passed before the call was started`);
    this.policy = policy;
    finish(this, options);
  }
}

/** What a {@link BrokenCircuitError} is made of. */
export interface BrokenCircuitDetails extends ErrorOptions {
  /** The state of the circuit. */
  readonly state: 'open' | 'half-open' | 'isolated';
  /** Milliseconds until the circuit probes again; Infinity while it is isolated. */
  readonly retryAfterMs: number;
  /** Why it was isolated, or why the half-open circuit refuses where it is not that its probes are out. */
  readonly reason?: string | undefined;
}

/**
 * A circuit breaker refused the call: it was never started. cockatiel's `isBrokenCircuitError`
 * holds, and its `isIsolatedCircuitError` when the circuit was isolated by hand. `cause` is the
 * error that opened the circuit, where there was one.
 */
export class BrokenCircuitError extends CockatielBrokenCircuitError implements PolicyErrorFields {
  /** Always `BrokenCircuitError`. */
  override readonly name = 'BrokenCircuitError';
  readonly code = 'ECIRCUITOPEN';
  readonly policy: string;
  /** The state of the circuit when it refused. */
  readonly state: 'open' | 'half-open' | 'isolated';
  /** Milliseconds until the circuit probes again: when to come back. Infinity while it is isolated. */
  readonly retryAfterMs: number;
  /** Set when the circuit was isolated by hand. */
  declare readonly isIsolatedCircuitError?: true;

  /** @param policy The name of the breaker. */
  constructor(policy: string, details: BrokenCircuitDetails) {
    super(describeCircuit(policy, details));
    this.policy = policy;
    this.state = details.state;
    this.retryAfterMs = details.retryAfterMs;
    if (details.state === 'isolated') {
      (this as { isIsolatedCircuitError?: true }).isIsolatedCircuitError = true;
    }
    finish(this, details);
  }
}

/** What a {@link LimitRejectedError} is made of. */
export interface LimitRejectedDetails extends ErrorOptions {
  /** What was full: `the queue is full (limit 10, queue 0)`. */
  readonly reason: string;
  /** Milliseconds until another try may be admitted, when known. */
  readonly retryAfterMs?: number | undefined;
}

/**
 * A limiter refused the call: it was never started. cockatiel's `isBulkheadRejectedError` holds.
 */
export class LimitRejectedError
  extends CockatielBulkheadRejectedError
  implements PolicyErrorFields
{
  /** Always `LimitRejectedError`. */
  override readonly name = 'LimitRejectedError';
  readonly code = 'ELIMITED';
  readonly policy: string;
  /** Milliseconds until another try may be admitted, when known. */
  readonly retryAfterMs: number | undefined;

  /** @param policy The name of the limiter. */
  constructor(policy: string, details: LimitRejectedDetails) {
    super(0, 0);
    this.message = `${policy}: ${details.reason}`;
    this.policy = policy;
    this.retryAfterMs = details.retryAfterMs;
    finish(this, details);
  }
}

/** Every error that a policy itself raises. `switch (error.code)` tells them apart. */
export type PolicyError =
  | TimeoutError
  | DeadlineExceededError
  | BrokenCircuitError
  | LimitRejectedError;

// On the prototypes: an own property would cost a refusal another 0.1 µs.
for (const { prototype } of [
  TimeoutError,
  DeadlineExceededError,
  BrokenCircuitError,
  LimitRejectedError,
]) {
  Object.defineProperty(prototype, BRAND, { value: true });
}

/**
 * Whether an error was raised by a policy of ours, also by one of another installed copy. Never
 * throws.
 */
export function isResilienceError(error: unknown): error is PolicyError {
  try {
    return typeof error === 'object' && error !== null && BRAND in error;
  } catch {
    return false;
  }
}

function describeCircuit(policy: string, details: BrokenCircuitDetails): string {
  if (details.state === 'isolated') {
    return `${policy}: the circuit is isolated${details.reason ? ` (${details.reason})` : ''}`;
  }
  const when = `retry after ${Math.ceil(details.retryAfterMs)} ms`;
  if (details.state === 'open') return `${policy}: the circuit is open, ${when}`;
  return details.reason
    ? `${policy}: the circuit is half-open: ${details.reason}`
    : `${policy}: the circuit is half-open and its probes are out, ${when}`;
}

/** Sets an error's `cause` as `Error` itself would: cockatiel's constructors take none. */
function finish(error: Error, options: ErrorOptions | undefined): void {
  if (options?.cause === undefined) return;
  Object.defineProperty(error, 'cause', {
    value: options.cause,
    writable: true,
    enumerable: false,
    configurable: true,
  });
}
