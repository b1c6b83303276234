import { ValidationError } from '@fournines/error-classification';

/** An `Idempotency-Key` came a second time with another request: 422. */
export class KeyReusedError extends ValidationError {
  constructor() {
    super('This Idempotency-Key was used for another request');
  }
}
