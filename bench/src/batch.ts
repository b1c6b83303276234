import { quantile } from './quantile.ts';
import { shuffled } from './shuffled.ts';
import { formatTable } from './table.ts';

/** A question: how much of the processor do calls take that sleep in between? */
export interface Batch {
  readonly name: string;
  /** How many calls are in flight at once. */
  readonly calls: number;
  /** The bare call first, then what the ratios are taken to, then the others. */
  readonly subjects: readonly {
    readonly name: string;
    readonly call: () => PromiseLike<unknown>;
  }[];
  /** Rounds of which the median is taken. Default 31. */
  readonly rounds?: number;
}

/**
 * Measures processor time, of all threads, instead of the time that passes: a sleep takes none, but
 * starting and ending it does. All subjects in one process, in random order within each round, each
 * round with the real timers.
 */
export async function measureBatch({ name, calls, subjects, rounds = 31 }: Batch): Promise<string> {
  const cases = subjects.map((subject) => ({ ...subject, ns: [] as number[] }));
  for (let warmUp = 0; warmUp < 10; warmUp += 1) {
    for (const { call } of cases) await run(call, calls);
  }
  for (let round = 0; round < rounds; round += 1) {
    for (const { call, ns } of shuffled(cases)) {
      await new Promise((resolve) => setImmediate(resolve));
      const before = process.cpuUsage();
      await run(call, calls);
      const { user, system } = process.cpuUsage(before);
      ns.push(((user + system) * 1_000) / calls);
    }
  }
  const [bare, reference] = cases.map(({ ns }) => quantile(ns, 0.5));
  const referenceOver = (reference ?? Number.NaN) - (bare ?? Number.NaN);
  return formatTable(
    `${name}, ${calls} at once`,
    ['', 'cpu ns a call', 'over', `/ ${cases[1]?.name}`],
    cases.map(({ name, ns }) => {
      const over = quantile(ns, 0.5) - (bare ?? Number.NaN);
      return [
        name,
        quantile(ns, 0.5).toFixed(0),
        over.toFixed(0),
        (over / referenceOver).toFixed(2),
      ];
    }),
  );
}

async function run(call: () => PromiseLike<unknown>, calls: number): Promise<void> {
  await Promise.all(Array.from({ length: calls }, call));
}
