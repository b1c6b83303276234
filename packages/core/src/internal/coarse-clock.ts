import { type Clock, isSystemTime } from '../clock.ts';

const TICK_MS = 10;

let now = 0;
let ticker: NodeJS.Timeout | undefined;
let wasRead = false;

/**
 * Monotonic milliseconds that are at most about 10 ms old: right for windows and slow-call
 * statistics, wrong for deadlines. A read of the system's clock costs more than a whole promise
 * hop; this costs about 2 ns. The ticker is unreferenced and stops when nobody reads; the first
 * read after that is exact. A manual clock is always read exactly.
 */
export function coarseNow(clock: Clock): number {
  if (!isSystemTime(clock)) return clock.now();
  wasRead = true;
  if (ticker === undefined) {
    now = performance.now();
    ticker = setInterval(tick, TICK_MS).unref();
  }
  return now;
}

function tick(): void {
  if (!wasRead) {
    clearInterval(ticker);
    ticker = undefined;
    return;
  }
  wasRead = false;
  // Not the clock's own time: a manual clock may stand behind the system's for a while.
  now = performance.now();
}
