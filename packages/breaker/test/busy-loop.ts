import { vi } from 'vitest';

/** The system's time in a test's hand: work lets time pass within one turn of the event loop. */
export interface BusyLoop {
  /** Time passes, and no timer fires: the loop is busy. */
  work(ms: number): void;
  /** The loop comes round: every interval fires once. */
  turn(): void;
  /** How many intervals run. */
  readonly intervals: number;
}

/**
 * Takes `performance.now` and the intervals in hand, from which the coarse clock and the stall
 * meter live. For a file of its own: the coarse clock keeps the interval that it was given.
 */
export function busyLoop(): BusyLoop {
  let now = 1_000;
  const intervals = new Map<object, () => void>();
  vi.spyOn(performance, 'now').mockImplementation(() => now);
  vi.stubGlobal('setInterval', (fn: () => void) => {
    const handle = { unref: () => handle };
    intervals.set(handle, fn);
    return handle;
  });
  vi.stubGlobal('clearInterval', (handle: object) => intervals.delete(handle));
  return {
    get intervals() {
      return intervals.size;
    },
    work: (ms) => {
      now += ms;
    },
    turn: () => {
      for (const fire of [...intervals.values()]) fire();
    },
  };
}
