/** How long to wait before a fallen process is started for the nth time in a row (from 0): 100 ms, doubled up to 5 s. */
export function restartDelay(attempt: number): number {
  return Math.min(5_000, 100 * 2 ** Math.min(attempt, 10));
}
