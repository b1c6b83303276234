import type { CallOptions } from '../call-options.ts';
import { show } from '../check.ts';

/** The signal of what a caller gave: a signal itself, options, a context of an outer call. */
export function parentSignal(call: AbortSignal | CallOptions | undefined): AbortSignal | undefined {
  if (typeof call !== 'object' || call === null) return undefined;
  // `fetch` allows null for no signal, so callers that pass its options on do too.
  return 'aborted' in call ? call : (call.signal ?? undefined);
}

/** What a caller said beyond a signal. */
export function optionsOf(call: AbortSignal | CallOptions | undefined): CallOptions | undefined {
  if (call === undefined || call === null) return undefined;
  return 'aborted' in call ? undefined : call;
}

/** What is wrong with what a caller gave, if anything is. */
export function faultOf(
  fn: unknown,
  call: AbortSignal | CallOptions | undefined,
): TypeError | undefined {
  if (typeof fn !== 'function') {
    return new TypeError(`execute: fn must be a function, got ${show(fn)}`);
  }
  if (call === undefined || call === null) return undefined;
  if (typeof call !== 'object') {
    return new TypeError(`execute: call must be an AbortSignal or options, got ${show(call)}`);
  }
  const signal = parentSignal(call);
  if (signal === undefined || typeof signal.aborted === 'boolean') return undefined;
  return new TypeError(`execute: signal must be an AbortSignal, got ${show(signal)}`);
}
