import type { Category, Classification, Classifier, Severity } from './classification.ts';
import { classify as defaultClassify } from './classify.ts';
import { nameOf, isObject, readable, text } from './internal/fields.ts';
import { redactText } from './internal/redact.ts';
import { WindowedCounts } from './internal/windowed-counts.ts';

/** The time that statistics need; core's `Clock` fits. */
export interface StatisticsClock {
  /** Monotonic milliseconds. */
  now(): number;
  /** Epoch milliseconds. */
  wall(): number;
}

/** Options of {@link errorStatistics}. */
export interface ErrorStatisticsOptions {
  /** Name of the component; default `error-statistics-<n>`. */
  readonly name?: string;
  /** Windows in milliseconds, 1 000 to 86 400 000, at most 8; default one, five and fifteen minutes. `RangeError` otherwise. */
  readonly windows?: readonly number[];
  /** Most distinct codes, and most distinct endpoints, that are told apart, 1 to 10 000; the rest is `other`. Default 500. */
  readonly maxKeys?: number;
  /** How many of the latest errors are kept, 0 to 1 000; default 50. */
  readonly samples?: number;
  /** Default: `classify`. */
  readonly classify?: Classifier;
  /** Default: the system's clocks. */
  readonly clock?: StatisticsClock;
}

/** What is known about one error beside itself. */
export interface ErrorOccurrence {
  /** Where it happened: a route template, not a URL; default none. */
  readonly endpoint?: string;
  /** The caller's signal: aborted, it makes the error `cancelled`. */
  readonly signal?: AbortSignal;
  /** What the error means, where that is known already. */
  readonly classification?: Classification;
}

/** Counts along each dimension. */
export interface ErrorCounts {
  /** All of them. */
  readonly total: number;
  /** By category. */
  readonly category: Readonly<Partial<Record<Category, number>>>;
  /** By severity. */
  readonly severity: Readonly<Partial<Record<Severity, number>>>;
  /** By `source/code` of the row that matched. */
  readonly code: Readonly<Record<string, number>>;
  /** By endpoint. */
  readonly endpoint: Readonly<Record<string, number>>;
}

/** One of the latest errors; its message is redacted and short. */
export interface ErrorSample {
  /** Epoch milliseconds. */
  readonly at: number;
  /** What kind of failure it is. */
  readonly category: Category;
  /** How much a human should care. */
  readonly severity: Severity;
  /** `source/code` of the row that matched. */
  readonly code?: string;
  /** Where it happened. */
  readonly endpoint?: string;
  /** Its class. */
  readonly name: string;
  /** Its message, without secrets, at most 200 characters. */
  readonly message: string;
}

/** Counts errors; a component that health, metrics and the dashboard can show. */
export interface ErrorStatistics {
  /** Always `error-statistics`. */
  readonly kind: 'error-statistics';
  /** Its name. */
  readonly name: string;
  /** Counts an error and says what it means. */
  record(error: unknown, occurrence?: ErrorOccurrence): Classification;
  /** Counts since the start or the last `clear()`. */
  totals(): ErrorCounts;
  /** Counts of the last `ms`, which must be one of the windows; to a twelfth of the smallest window. */
  window(ms: number): ErrorCounts;
  /** The latest errors, newest first. */
  recent(): readonly ErrorSample[];
  /** Monotonic counts by category, and how many errors the smallest window saw. `clear()` does not turn them back. */
  snapshot(): ErrorStatisticsSnapshot;
  /** Forgets totals, windows and samples. */
  clear(): void;
  /** What an administrator may do. */
  readonly actions: {
    /** Forgets everything. */
    readonly clear: () => void;
  };
}

/** What the component shows. */
export interface ErrorStatisticsSnapshot {
  /** Always `up`: counting errors is no error. */
  readonly status: 'up';
  /** Errors by category, since the start of the process. */
  readonly counts: {
    /** How many of each category. */
    readonly errors: Readonly<Record<string, number>>;
  };
  /** Errors of the smallest window. */
  readonly gauges: {
    /** How many there were in the smallest window. */
    readonly recent: number;
  };
}

const SYSTEM_CLOCK: StatisticsClock = { now: () => performance.now(), wall: () => Date.now() };
const OTHER = 'other';
let unnamed = 0;

/**
 * Counts errors by category, severity, code and endpoint, over windows and in all, and keeps the latest. Memory is
 * bounded whatever the messages are: it holds numbers for at most `maxKeys` codes and endpoints, and short samples.
 */
export function errorStatistics(options: ErrorStatisticsOptions = {}): ErrorStatistics {
  const {
    windows = [60_000, 300_000, 900_000],
    maxKeys = 500,
    samples = 50,
    classify = defaultClassify,
    clock = SYSTEM_CLOCK,
  } = options;
  check(windows, maxKeys, samples);
  const name = options.name ?? `error-statistics-${++unnamed}`;
  const bucketMs = Math.min(...windows) / 12;
  const buckets = Math.ceil(Math.max(...windows) / bucketMs) + 1;
  const lifetime = new Map<string, number>();
  let counts = emptyCounts();
  let latest: ErrorSample[] = [];
  let next = 0;

  function emptyCounts(): Record<keyof ErrorCounts, WindowedCounts> {
    const make = (limit: number) => new WindowedCounts(buckets, limit, OTHER);
    return {
      total: make(1),
      category: make(64),
      severity: make(8),
      code: make(maxKeys),
      endpoint: make(maxKeys),
    };
  }

  function record(error: unknown, occurrence: ErrorOccurrence = {}): Classification {
    const { endpoint, signal } = occurrence;
    const classification = occurrence.classification ?? classify(error, signal);
    const { category, severity } = classification;
    const bucket = Math.floor(clock.now() / bucketMs);
    const code = keyOf(classification);
    lifetime.set(category, (lifetime.get(category) ?? 0) + 1);
    counts.total.add('total', bucket);
    counts.category.add(category, bucket);
    counts.severity.add(severity, bucket);
    if (code !== undefined) counts.code.add(code, bucket);
    if (endpoint !== undefined) counts.endpoint.add(endpoint.slice(0, 200), bucket);
    if (samples > 0) {
      latest[next] = sampleOf(error, classification, code, endpoint);
      next = (next + 1) % samples;
    }
    return classification;
  }

  function sampleOf(
    error: unknown,
    { category, severity }: Classification,
    code: string | undefined,
    endpoint: string | undefined,
  ): ErrorSample {
    const fields = isObject(error) ? readable(error) : {};
    return {
      at: clock.wall(),
      category,
      severity,
      ...(code !== undefined && { code }),
      ...(endpoint !== undefined && { endpoint: endpoint.slice(0, 200) }),
      name: nameOf(fields).slice(0, 100) || typeof error,
      message: redactText(isObject(error) ? text(fields.message) : String(error), 200),
    };
  }

  function read(sum: (of: WindowedCounts) => Record<string, number>): ErrorCounts {
    return {
      total: sum(counts.total)['total'] ?? 0,
      category: sum(counts.category),
      severity: sum(counts.severity),
      code: sum(counts.code),
      endpoint: sum(counts.endpoint),
    };
  }

  function window(ms: number): ErrorCounts {
    if (!windows.includes(ms)) {
      throw new RangeError(
        `errorStatistics: window must be one of ${windows.join(', ')}, got ${String(ms)}`,
      );
    }
    const last = Math.floor(clock.now() / bucketMs);
    const first = last - Math.ceil(ms / bucketMs) + 1;
    return read((of) => of.since(first, last));
  }

  function clear(): void {
    counts = emptyCounts();
    latest = [];
    next = 0;
  }

  return {
    kind: 'error-statistics',
    name,
    record,
    totals: () => read((of) => of.totals()),
    window,
    recent: () => [...latest.slice(next), ...latest.slice(0, next)].toReversed(),
    snapshot: () => ({
      status: 'up',
      counts: { errors: Object.fromEntries(lifetime) },
      gauges: { recent: window(Math.min(...windows)).total },
    }),
    clear,
    actions: { clear },
  };
}

function keyOf({ source, code }: Classification): string | undefined {
  return source === undefined || code === undefined ? undefined : `${source}/${code}`;
}

function check(windows: readonly number[], maxKeys: number, samples: number): void {
  if (!Array.isArray(windows) || windows.length === 0 || windows.length > 8) {
    throw new RangeError(
      `errorStatistics: windows must hold 1 to 8 durations, got ${String(windows)}`,
    );
  }
  for (const window of windows) {
    if (!(window >= 1_000 && window <= 86_400_000)) {
      throw new RangeError(
        `errorStatistics: windows must be from 1000 to 86400000 ms, got ${String(window)}`,
      );
    }
  }
  if (Math.max(...windows) / Math.min(...windows) > 120) {
    throw new RangeError(
      `errorStatistics: the largest window must be at most 120 times the smallest, got ${windows.join(', ')}`,
    );
  }
  if (!Number.isInteger(maxKeys) || maxKeys < 1 || maxKeys > 10_000) {
    throw new RangeError(
      `errorStatistics: maxKeys must be an integer from 1 to 10000, got ${String(maxKeys)}`,
    );
  }
  if (!Number.isInteger(samples) || samples < 0 || samples > 1_000) {
    throw new RangeError(
      `errorStatistics: samples must be an integer from 0 to 1000, got ${String(samples)}`,
    );
  }
}
