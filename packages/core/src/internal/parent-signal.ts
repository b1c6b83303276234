import type { CallOptions } from '../call-options.ts';

/** The signal of what a caller gave: a signal itself, options, a context of an outer call. */
export function parentSignal(
  call: AbortSignal | CallOptions | undefined,
): AbortSignal | undefined {
  if (call === undefined || call === null) return undefined;
  return 'aborted' in call ? call : call.signal;
}

/** What a caller said beyond a signal. */
export function optionsOf(call: AbortSignal | CallOptions | undefined): CallOptions | undefined {
  if (call === undefined || call === null) return undefined;
  return 'aborted' in call ? undefined : call;
}
