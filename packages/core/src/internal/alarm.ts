import type { Clock } from '../clock.ts';

/** Something that will happen at a moment. */
export interface Alarm {
  cancel(): void;
}

/**
 * Calls `fn` once at the moment `at` of a clock, never before: Node's timers count whole
 * milliseconds from the loop's own time and may fire up to 1 ms early, so the clock is read again.
 * Infinity: never.
 */
export function startAlarm(clock: Clock, at: number, unref: boolean, fn: () => void): Alarm {
  let timer: ReturnType<Clock['setTimeout']> | undefined;
  const arm = (left: number): void => {
    timer = clock.setTimeout(wake, Math.max(0, Math.ceil(left)));
    if (unref) timer.unref();
  };
  const wake = (): void => {
    const left = at - clock.now();
    if (left > 0) arm(left);
    else fn();
  };
  if (at !== Infinity) arm(at - clock.now());
  return { cancel: () => timer?.cancel() };
}
