import type { BrokenCircuitError, CallOptions, Permit, Rejection } from '@fournines/core';
import type { Admission } from './admission.ts';
import type { Circuit } from './circuit.ts';

/** The permit of a two-step call: the same admission as that of a call through `execute`. */
export class CircuitPermit implements Permit {
  readonly granted = true;
  readonly #circuit: Circuit;
  readonly #admission: Admission;
  readonly #call: CallOptions | undefined;
  #isSettled = false;

  constructor(circuit: Circuit, admission: Admission, call: CallOptions | undefined) {
    this.#circuit = circuit;
    this.#admission = admission;
    this.#call = call;
  }

  success(value?: unknown): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#circuit.success(this.#admission, value);
  }

  failure(error: unknown): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    const signal = this.#call?.signal;
    if (signal?.aborted !== true) {
      this.#circuit.failure(this.#admission, error);
      return;
    }
    const admission = this.#circuit.abandon(this.#admission, signal.reason, false);
    this.#circuit.ignore(admission);
  }

  [Symbol.dispose](): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#circuit.ignore(this.#admission);
  }
}

/** The refusal of a two-step call. */
export class CircuitRejection implements Rejection {
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
