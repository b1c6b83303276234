import { replaceSystemClock } from '../clock.ts';
import { type ManualClock, type ManualClockOptions, manualClock } from './manual-clock.ts';

/**
 * Makes a manual clock the default of every policy that has none of its own, also of those that
 * exist already: `using clock = useManualClock()`. Disposing it brings the system's time back.
 */
export function useManualClock(options: ManualClockOptions = {}): ManualClock & Disposable {
  const clock = manualClock(options);
  const restore = replaceSystemClock(clock);
  return Object.assign(clock, { [Symbol.dispose]: restore });
}
