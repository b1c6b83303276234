export { type ManualClock, type ManualClockOptions, manualClock } from './testing/manual-clock.ts';
export { useManualClock } from './testing/use-manual-clock.ts';
export { seededRandom } from './testing/seeded-random.ts';
