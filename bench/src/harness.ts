import { compiledAnew } from './compiled-anew.ts';
import { quantile } from './quantile.ts';
import { shuffled } from './shuffled.ts';
import { formatTable } from './table.ts';

/** One way to make a call: ours, a peer's, or none. */
export interface Subject {
  readonly name: string;
  /** One call; what it returns is awaited. */
  readonly call: () => unknown;
}

/** A question: what do these add to the same bare call? */
export interface Topic {
  readonly name: string;
  /** The call itself, awaited. */
  readonly bare: () => unknown;
  readonly subjects: readonly Subject[];
  /** Rounds of which the median is taken. Default 41, at least 5. */
  readonly rounds?: number;
  /** Calls per subject and round. Default 10 000. */
  readonly calls?: number;
}

/** A question that is not about the cost of one awaited call. */
export interface Report {
  /** Measures, and returns a table for people. */
  readonly run: () => Promise<string>;
}

/** One row of the answer. Nanoseconds and bytes a call. */
export interface Row {
  readonly name: string;
  readonly ns: number;
  /** Over the bare call of the same round: median and the middle 80 %. */
  readonly over: { readonly median: number; readonly p10: number; readonly p90: number };
  /** Median of case / bare of the same round. */
  readonly ratio: number;
  /** Median of (case - bare) / (first subject - bare) of the same round. */
  readonly toFirst: number;
  /** Undefined without `--expose-gc`. */
  readonly bytes: number | undefined;
}

type Loop = (call: () => unknown, calls: number) => Promise<void>;

/**
 * Measures fairly: all subjects in one process, in random order within each round, each in a loop
 * of its own so that they share no type feedback, a pause of the event loop between them, and the
 * bare call twice, as `bare` and as `bare again`: the difference of those two is the noise.
 */
export async function measure(topic: Topic): Promise<readonly Row[]> {
  const rounds = Math.max(5, topic.rounds ?? 41);
  const calls = topic.calls ?? 10_000;
  const cases = [
    { name: 'bare', call: topic.bare },
    { name: 'bare again', call: topic.bare },
    ...topic.subjects,
  ].map((subject) => ({ ...subject, loop: makeLoop(), ns: [] as number[] }));

  // Until the optimizer has settled.
  for (let warmUp = 0; warmUp < 3; warmUp += 1) {
    for (const { loop, call } of cases) await loop(call, calls);
  }
  for (let round = 0; round < rounds; round += 1) {
    for (const { loop, call, ns } of shuffled(cases)) {
      await idle();
      const start = process.hrtime.bigint();
      await loop(call, calls);
      ns.push(Number(process.hrtime.bigint() - start) / calls);
    }
  }
  const bare = cases[0]?.ns ?? [];
  const first = cases[2]?.ns ?? [];
  const rows: Row[] = [];
  for (const { name, call, loop, ns } of cases) {
    const over = ns.map((value, round) => value - at(bare, round));
    rows.push({
      name,
      ns: quantile(ns, 0.5),
      over: { median: quantile(over, 0.5), p10: quantile(over, 0.1), p90: quantile(over, 0.9) },
      ratio: quantile(
        ns.map((value, round) => value / at(bare, round)),
        0.5,
      ),
      toFirst: quantile(
        over.map((value, round) => value / (at(first, round) - at(bare, round))),
        0.5,
      ),
      bytes: await bytesPerCall(loop, call),
    });
  }
  return rows;
}

/** The rows as a table for people. */
export function formatRows(topic: Topic, rows: readonly Row[]): string {
  const head = ['', 'ns', 'over', 'p10..p90', '/ bare', `/ ${topic.subjects[0]?.name ?? ''}`, 'B'];
  const lines = rows.map(({ name, ns, over, ratio, toFirst, bytes }, index) => [
    name,
    ns.toFixed(0),
    index === 0 ? '' : over.median.toFixed(0),
    index === 0 ? '' : `${over.p10.toFixed(0)}..${over.p90.toFixed(0)}`,
    ratio.toFixed(2),
    index < 2 ? '' : toFirst.toFixed(2),
    bytes === undefined ? '?' : bytes.toFixed(0),
  ]);
  return formatTable(topic.name, head, lines);
}

/** A loop of its own for each subject. */
function makeLoop(): Loop {
  return compiledAnew(
    ['call', 'calls'],
    'return (async () => { for (let i = 0; i < calls; i += 1) await call(); })();',
  ) as Loop;
}

/** The heap's growth over 4 000 calls without a collection in between, median of 7. */
async function bytesPerCall(loop: Loop, call: () => unknown): Promise<number | undefined> {
  const { gc } = globalThis;
  if (gc === undefined) return undefined;
  const samples: number[] = [];
  for (let sample = 0; sample < 7; sample += 1) {
    await idle();
    gc();
    const before = process.memoryUsage().heapUsed;
    await loop(call, 4_000);
    samples.push((process.memoryUsage().heapUsed - before) / 4_000);
  }
  return quantile(samples, 0.5);
}

function idle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function at(values: readonly number[], index: number): number {
  return values[index] ?? Number.NaN;
}
