import { timeout } from '@fournines/timeout';
import * as cockatiel from 'cockatiel';
import type { Report } from './harness.ts';
import { quantile } from './quantile.ts';
import { shuffled } from './shuffled.ts';
import { formatTable } from './table.ts';

/** How many of each kind, and the bounds of their durations in whole milliseconds. */
const TIMEOUTS = 2_000;
const SHORTEST = 5;
const LONGEST = 250;

/** Waits about so many milliseconds, and then some. */
interface Waiting {
  readonly name: string;
  readonly wait: (ms: number) => Promise<void>;
  /** Milliseconds after the moment, one for each wait. */
  readonly late: number[];
}

const hang = (): Promise<never> => new Promise(() => {});
const ended = (call: PromiseLike<unknown>): Promise<void> =>
  Promise.resolve(call).then(
    () => {},
    () => {},
  );

/** One policy for all durations: out of order, as when a deadline comes with each call. */
let duration = 0;
const mixed = timeout(() => duration);
/** A policy for each duration. */
const apart = new Map(
  Array.from({ length: LONGEST + 1 }, (_, ms) => [ms, timeout(Math.max(ms, 1))]),
);

const measured = (name: string, wait: (ms: number) => Promise<void>): Waiting => ({
  name,
  wait,
  late: [],
});
const bare = measured('bare setTimeout', (ms) => new Promise((resolve) => setTimeout(resolve, ms)));
const ours = [
  measured('fournines, one policy', (ms) => {
    duration = ms;
    return ended(mixed.execute(hang));
  }),
  measured('fournines, a policy each', (ms) => {
    const policy = apart.get(ms);
    if (policy === undefined) throw new RangeError(`no policy of ${ms} ms`);
    return ended(policy.execute(hang));
  }),
];
const theirs = measured('cockatiel, aggressive', (ms) =>
  ended(cockatiel.timeout(ms, cockatiel.TimeoutStrategy.Aggressive).execute(hang)),
);

/** When a timeout answers: armed at the same moment as a bare timer of the same duration. */
async function run(): Promise<string> {
  const waits: Promise<void>[] = [];
  for (let armed = 0; armed < TIMEOUTS; armed += 1) {
    const ms = SHORTEST + Math.floor(Math.random() * (LONGEST - SHORTEST + 1));
    for (const { wait, late } of shuffled([bare, ...ours, theirs])) {
      const due = performance.now() + ms;
      waits.push(wait(ms).then(() => void late.push(performance.now() - due)));
    }
    // About 130 of each are in flight.
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(waits);
  for (const { name, late } of ours) {
    const earliest = Math.min(...late);
    if (earliest < 0) throw new Error(`${name} was ${-earliest} ms early`);
  }
  const rows = [bare, ...ours, theirs].map(({ name, late }) => [
    name,
    (late.filter((ms) => ms < 0).length / late.length).toFixed(3),
    ...[Math.min(...late), quantile(late, 0.5), quantile(late, 0.99), Math.max(...late)].map((ms) =>
      ms.toFixed(2),
    ),
    (quantile(late, 0.5) - quantile(bare.late, 0.5)).toFixed(2),
    (quantile(late, 0.99) - quantile(bare.late, 0.99)).toFixed(2),
  ]);
  return formatTable(
    `accuracy: ${TIMEOUTS} timeouts of ${SHORTEST} to ${LONGEST} ms, in ms after the moment`,
    ['', 'early', 'min', 'p50', 'p99', 'max', 'p50 - bare', 'p99 - bare'],
    rows,
  );
}

/** How late a timeout answers. */
export const reports: readonly Report[] = [{ run }];
