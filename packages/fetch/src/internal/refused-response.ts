import type { Clock } from '@fournines/core';
import { disposeResult } from '@fournines/core/authoring';
import { HttpError } from '@fournines/error-classification';
import { AnswerAside } from './answer-aside.ts';

/**
 * A response of status 400 or above on its way through the policies, which judge it as the error
 * that it is. Its body is left alone: after the last attempt the caller gets the response itself.
 */
export class RefusedResponse extends HttpError {
  #aside: AnswerAside | undefined;

  /** There will be another attempt: the socket is free while that is waited for. */
  setAside(clock: Clock): void {
    this.#aside ??= new AnswerAside(this.response, clock);
  }

  /** The answer for the caller; undefined when it was set aside and could not be kept. */
  takeBack(): Response | undefined {
    return this.#aside === undefined ? this.response : this.#aside.take();
  }

  /** Nobody will read it. */
  drop(): void {
    if (this.#aside === undefined) disposeResult(this.response);
    else this.#aside.drop();
  }
}
