import type { BrokenCircuitError, CallOptions, Permit, Rejection } from '@fournines/core';
import type { Admission } from './admission.ts';
import type { Circuit } from './circuit.ts';

/** Asks the circuit for leave. */
export function acquire(circuit: Circuit, call: CallOptions | undefined): Permit | Rejection {
  const admission = circuit.admit(call);
  if (admission !== undefined) return new CircuitPermit(admission, call);
  return new CircuitRejection(circuit.refusal as BrokenCircuitError);
}

/** The permit of a two-step call: the same admission as that of a call through `execute`. */
class CircuitPermit implements Permit {
  readonly granted = true;
  readonly #admission: Admission;
  readonly #call: CallOptions | undefined;
  #isSettled = false;

  constructor(admission: Admission, call: CallOptions | undefined) {
    this.#admission = admission;
    this.#call = call;
  }

  success(value?: unknown): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#admission.circuit.success(this.#admission, value);
  }

  failure(error: unknown): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    const signal = this.#call?.signal;
    if (signal?.aborted !== true) {
      this.#admission.circuit.failure(this.#admission, error);
      return;
    }
    const admission = this.#admission.circuit.abandon(this.#admission, signal.reason, false);
    this.#admission.circuit.ignore(admission);
  }

  [Symbol.dispose](): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#admission.circuit.ignore(this.#admission);
  }
}

/** The refusal of a two-step call. */
class CircuitRejection implements Rejection {
  readonly granted = false;
  readonly error: BrokenCircuitError;

  constructor(error: BrokenCircuitError) {
    this.error = error;
  }

  get retryAfterMs(): number {
    return this.error.retryAfterMs;
  }

  [Symbol.dispose](): void {}
}
