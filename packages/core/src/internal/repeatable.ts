import type { CallOptions } from '../call-options.ts';

/** Where a call says that part of its result has been handed out already. */
const CONSUMED: unique symbol = Symbol('consumed');

/** Says, for the whole call, whether part of its result has been handed out. */
export interface Consumption {
  isConsumed: boolean;
}

/** The same call, watched by `consumption`: no policy of ours repeats it once that is consumed. */
export function consumable(call: CallOptions, consumption: Consumption): CallOptions {
  return { ...call, [CONSUMED]: consumption } as CallOptions;
}

/** Whether the call may be repeated as a whole. */
export function isRepeatable(call: CallOptions | undefined): boolean {
  return (call as { [CONSUMED]?: Consumption } | undefined)?.[CONSUMED]?.isConsumed !== true;
}
