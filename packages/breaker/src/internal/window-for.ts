import { CountWindow } from './count-window.ts';
import type { OutcomeWindow } from './outcome-window.ts';
import type { Settings } from './settings.ts';
import { TimeWindow } from './time-window.ts';

/** The window that the settings ask for. */
export function windowFor({ window }: Settings): OutcomeWindow {
  return window.kind === 'time'
    ? new TimeWindow(window.duration, window.buckets)
    : new CountWindow(window.size);
}
