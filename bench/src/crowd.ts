import { setMaxListeners } from 'node:events';
import { compiledAnew } from './compiled-anew.ts';
import { quantile } from './quantile.ts';
import { shuffled } from './shuffled.ts';
import { formatTable } from './table.ts';

/** Makes one call of many. */
export type Execute = (fn: () => Promise<number>, signal?: AbortSignal) => PromiseLike<unknown>;

/** A question: what do so many calls cost that are all in flight at once? */
export interface Crowd {
  readonly name: string;
  /** How many calls are started before the first of them settles. */
  readonly calls: number;
  /** Whether all of them are given one signal. */
  readonly shareSignal: boolean;
  /** The bare call first, then what the ratios are taken to, then the others. */
  readonly subjects: readonly { readonly name: string; readonly execute: Execute }[];
  /** Rounds of which the median is taken. Default 7. */
  readonly rounds?: number;
  /** Who has taken so long, in seconds, is spared further rounds. Default 10. */
  readonly patience?: number;
}

interface Sample {
  readonly startMs: number;
  readonly settleMs: number;
  readonly bytes: number;
  readonly failures: number;
}

type Start = (
  execute: Execute,
  fn: () => Promise<number>,
  signal: AbortSignal | undefined,
  pending: PromiseLike<unknown>[],
) => void;

/**
 * Measures a crowd, all subjects in one process and in random order within each round: every call
 * is started, then every callee answers. The heap is measured in between, collected before both
 * readings; the collections are on nobody's clock.
 */
export async function measureCrowd(crowd: Crowd): Promise<string> {
  const { name, calls, rounds = 7, patience = 10, subjects } = crowd;
  const cases = subjects.map((subject) => ({
    ...subject,
    start: makeStart(),
    samples: [] as Sample[],
  }));
  const warmUp = { ...crowd, calls: Math.min(calls, 1_000) };
  for (const { execute, start } of cases) {
    for (let round = 0; round < 5; round += 1) await sample(warmUp, execute, start);
  }
  for (let round = 0; round < rounds; round += 1) {
    for (const { execute, start, samples } of shuffled(cases)) {
      const spentMs = samples.reduce((sum, { startMs, settleMs }) => sum + startMs + settleMs, 0);
      if (spentMs < patience * 1_000) samples.push(await sample(crowd, execute, start));
    }
  }
  const rows = cases.map(({ name, samples }) => ({
    name,
    rounds: samples.length,
    start: median(samples.map(({ startMs }) => (startMs * 1e3) / calls)),
    total: median(samples.map(({ startMs, settleMs }) => ((startMs + settleMs) * 1e3) / calls)),
    bytes: median(samples.map(({ bytes }) => bytes / calls)),
    failures: Math.max(...samples.map(({ failures }) => failures)),
  }));
  const [, reference] = rows;
  return formatTable(
    `${name}, ${calls} in flight`,
    ['', 'us a call', 'of it start', `/ ${reference?.name}`, 'B a call', '/ B', 'failed', 'rounds'],
    rows.map(({ name, rounds, start, total, bytes, failures }) => [
      name,
      total.toFixed(2),
      start.toFixed(2),
      (total / (reference?.total ?? Number.NaN)).toFixed(4),
      bytes.toFixed(0),
      (bytes / (reference?.bytes ?? Number.NaN)).toFixed(3),
      String(failures),
      String(rounds),
    ]),
  );
}

async function sample(
  { calls, shareSignal }: Crowd,
  execute: Execute,
  start: Start,
): Promise<Sample> {
  const answers = Array.from<(value: number) => void>({ length: calls });
  const pending = Array.from<PromiseLike<unknown>>({ length: calls });
  let started = 0;
  const fn = (): Promise<number> =>
    new Promise((resolve) => {
      answers[started] = resolve;
      started += 1;
    });
  const { signal } = new AbortController();
  setMaxListeners(0, signal);
  await new Promise((resolve) => setImmediate(resolve));
  const heapBefore = collectedHeap();
  const startedAt = performance.now();
  start(execute, fn, shareSignal ? signal : undefined, pending);
  await microtasks();
  const startMs = performance.now() - startedAt;
  if (started !== calls) throw new Error(`${started} of ${calls} calls were started`);
  const bytes = collectedHeap() - heapBefore;
  const settleAt = performance.now();
  for (const answer of answers) answer(1);
  const outcomes = await Promise.allSettled(pending);
  const settleMs = performance.now() - settleAt;
  const failures = outcomes.filter(({ status }) => status === 'rejected').length;
  return { startMs, settleMs, bytes, failures };
}

/** A loop of its own for each subject. */
function makeStart(): Start {
  return compiledAnew(
    ['execute', 'fn', 'signal', 'pending'],
    'for (let i = 0; i < pending.length; i += 1) pending[i] = execute(fn, signal);',
  ) as Start;
}

/** After all microtasks, before any timer. */
function microtasks(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}

/** NaN without `--expose-gc`. */
function collectedHeap(): number {
  const { gc } = globalThis;
  if (gc === undefined) return Number.NaN;
  gc();
  return process.memoryUsage().heapUsed;
}

function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}
