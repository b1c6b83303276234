import { type DeadlineScope, deadline } from '@fournines/core';

/** Bodies that are gone listen to nobody. */
const abandoned = new FinalizationRegistry<DeadlineScope>((scope) => scope[Symbol.dispose]());

/**
 * Lets the caller's abort reach a body that is read after the call has settled, as fetch promises.
 * Nothing tells when a body has been read, so the link goes with the body itself. However many
 * bodies share a caller's signal, it has one listener.
 */
export function abortBodyWith(caller: AbortSignal, request: AbortController, body: object): void {
  const scope = deadline(Infinity, caller);
  const { signal } = scope;
  const stop = (): void => request.abort(signal.reason);
  if (signal.aborted) return stop();
  signal.addEventListener('abort', stop, { once: true });
  abandoned.register(body, scope);
}
