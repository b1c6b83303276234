import type {
  Category,
  Classification,
  Classifier,
  Retryable,
  Severity,
} from '../classification.ts';
import { type Fields, fieldsOf, isObject, readable } from './fields.ts';
import { looksLikeCode, type Adjustment, type Source } from './source.ts';
import type { ErrorRow } from './table.ts';

/** Causes deeper than this are not looked at; it also ends cycles, cheaper than remembering what was seen. */
export const MAX_DEPTH = 10;
/** Members of aggregates looked at per call: aggregates nest, and may contain themselves. */
const MAX_MEMBERS = 256;
/** Messages longer than this are not compared. */
const MAX_MESSAGE = 4_096;

/** What a row may be changed to. */
export type Override = Partial<Omit<Classification, 'error' | 'source' | 'code'>>;

/** A user's rule, already guarded: never throws, answers a checked part of a classification. */
export type GuardedRule = (error: object) => Override | undefined;

export interface EngineOptions {
  readonly rules?: readonly GuardedRule[];
  /** By key, or by source, `:` and key. */
  readonly overrides?: ReadonlyMap<string, Override>;
  readonly now?: () => number;
}

interface Entry {
  readonly row: ErrorRow;
  readonly retryAfterMs: number | undefined;
  readonly wrapper: boolean;
  readonly refine: ((error: Fields) => string | undefined) | undefined;
  readonly adjust: Source['adjust'];
  readonly inner: Source['inner'];
  readonly keys: ReadonlyMap<string, Entry>;
}

interface Quota {
  left: number;
}

interface Shape {
  readonly source: Source;
  readonly keys: ReadonlyMap<string, Entry>;
}

const UNKNOWN: Omit<ErrorRow, 'source' | 'code' | 'name'> = {
  category: 'unknown',
  severity: 'medium',
  retryable: 'no',
  breakerFailure: true,
  httpStatus: 500,
  carriesDelay: false,
};

const RETRY_ORDER: Readonly<Record<Retryable, number>> = { yes: 0, 'if-idempotent': 1, no: 2 };
const SEVERITY_ORDER: Readonly<Record<Severity, number>> = {
  low: 0,
  medium: 1,
  high: 2,
  critical: 3,
};

/** Builds a classifier over some sources. The look-up by code is one `Map.get`; all else is for errors without one. */
export function engine(sources: readonly Source[], options: EngineOptions = {}): Classifier {
  const { rules = [], overrides, now = Date.now } = options;
  const codes = new Map<string, Entry>();
  const qualified = new Map<string, Entry>();
  const shapes = sources.map((source) => compile(source, overrides, codes, qualified));
  const messages = shapes.flatMap(({ source, keys }) =>
    source.message === undefined ? [] : [{ find: source.message, keys }],
  );
  if (overrides !== undefined) addCustomCodes(overrides, sources, shapes, codes);

  function classify(error: unknown, signal?: AbortSignal): Classification {
    if (signal !== undefined) {
      const gone = callerGone(error, signal);
      if (gone !== undefined) return gone;
    }
    return walk(error, 0, undefined, rules) ?? unknown(error);
  }

  function walk(
    error: unknown,
    start: number,
    quota: Quota | undefined,
    active: readonly GuardedRule[],
  ): Classification | undefined {
    let node = error;
    let weak: Entry | undefined;
    let weakNode: unknown;
    let depth = start;
    for (; depth <= MAX_DEPTH && isObject(node); depth++) {
      let fields: Fields = node;
      let entry: Entry | undefined;
      let members: readonly unknown[] | undefined;
      let next: unknown;
      let found: Classification | undefined;
      if (active.length > 0) {
        const override = firstAnswer(active, node);
        if (override !== undefined)
          return { ...(walk(node, depth, quota, []) ?? unknown(node)), ...override, error: node };
      }
      try {
        entry = find(fields);
        members = membersOf(fields);
        if (members === undefined && entry !== undefined && !entry.wrapper)
          return answer(entry, fields, node);
        next = nextOf(entry, fields);
      } catch {
        // A getter or a proxy trap threw: look again at what can be read.
        fields = readable(node);
        entry = find(fields);
        members = membersOf(fields);
        if (members === undefined && entry !== undefined && !entry.wrapper)
          found = answer(entry, fields, node);
        next = nextOf(entry, fields);
      }
      if (found !== undefined) return found;
      if (members !== undefined) {
        const combined = combine(members, depth, quota ?? { left: MAX_MEMBERS }, active);
        if (combined !== undefined) return combined;
      }
      if (
        entry !== undefined &&
        (weak === undefined ||
          (weak.row.category === 'unknown' && entry.row.category !== 'unknown'))
      ) {
        weak = entry;
        weakNode = node;
      }
      node = next;
    }
    return weak === undefined ? undefined : answerSafely(weak, weakNode);
  }

  function find(error: Fields): Entry | undefined {
    const code = error.code;
    let wrapper: Entry | undefined;
    if (typeof code === 'string') {
      const entry = codes.get(code);
      if (entry !== undefined) {
        const refined =
          entry.refine === undefined ? entry : (resolve(entry.keys, entry.refine(error)) ?? entry);
        if (!refined.wrapper) return refined;
        wrapper = refined;
      }
    }
    return isPlain(error) ? findByMessage(error) : findByShape(error, wrapper);
  }

  function findByMessage(error: Fields): Entry | undefined {
    const message = error.message;
    // Longer than any message of the table; hashing it would cost more than it can tell.
    if (typeof message !== 'string' || message.length > MAX_MESSAGE) return undefined;
    for (const { find: key, keys } of messages) {
      const entry = resolve(keys, key(message));
      if (entry !== undefined) return entry;
    }
    return undefined;
  }

  function findByShape(error: Fields, wrapper: Entry | undefined): Entry | undefined {
    const hidden =
      codeEntry(error.sqlState) ?? codeEntry(error.errorCode) ?? codeEntry(error.originalCode);
    if (hidden !== undefined && !hidden.wrapper) return hidden;
    for (const { source, keys } of shapes) {
      const key = source.match?.(error);
      if (key === undefined) continue;
      const entry = resolve(keys, key) ?? resolve(keys, source.generalize?.(key));
      if (entry === undefined) continue;
      if (!entry.wrapper) return entry;
      wrapper ??= entry;
    }
    if (wrapper !== undefined) return wrapper;
    const said = findByMessage(error);
    if (said !== undefined) return said;
    for (const { source, keys } of shapes) {
      const entry = resolve(keys, source.weak?.(error));
      if (entry !== undefined) return entry;
    }
    return undefined;
  }

  function codeEntry(code: unknown): Entry | undefined {
    return typeof code === 'string' ? codes.get(code) : undefined;
  }

  function resolve(keys: ReadonlyMap<string, Entry>, key: string | undefined): Entry | undefined {
    return key === undefined ? undefined : (keys.get(key) ?? qualified.get(key));
  }

  function answer(entry: Entry, fields: Fields, error: unknown): Classification {
    const { row } = entry;
    const adjustment: Adjustment | undefined = entry.adjust?.(fields, row, now);
    const retryAfterMs = adjustment?.retryAfterMs ?? entry.retryAfterMs;
    const retryable = adjustment?.retryable ?? row.retryable;
    const { category, severity, breakerFailure, httpStatus, source, code } = row;
    if (retryAfterMs === undefined)
      return { category, severity, retryable, breakerFailure, httpStatus, source, code, error };
    return {
      category,
      severity,
      retryable,
      breakerFailure,
      httpStatus,
      retryAfterMs,
      source,
      code,
      error,
    };
  }

  function answerSafely(entry: Entry, error: unknown): Classification {
    try {
      return answer(entry, fieldsOf(error), error);
    } catch {
      return answer(entry, isObject(error) ? readable(error) : {}, error);
    }
  }

  /** The least permissive retry, the highest severity, and a breaker failure if any member is one. */
  function combine(
    members: readonly unknown[],
    depth: number,
    quota: Quota,
    active: readonly GuardedRule[],
  ): Classification | undefined {
    let worst: Classification | undefined;
    let severity: Severity = 'low';
    let breakerFailure = false;
    let retryAfterMs: number | undefined;
    for (const member of members) {
      if (quota.left-- <= 0) break;
      const one = walk(member, depth + 1, quota, active) ?? unknown(member);
      if (worst === undefined || isWorse(one, worst)) worst = one;
      if (SEVERITY_ORDER[one.severity] > SEVERITY_ORDER[severity]) severity = one.severity;
      if (one.breakerFailure) breakerFailure = true;
      if (one.retryAfterMs !== undefined)
        retryAfterMs = Math.max(retryAfterMs ?? 0, one.retryAfterMs);
    }
    if (worst === undefined) return undefined;
    return {
      ...worst,
      severity,
      breakerFailure,
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    };
  }

  return classify;
}

function compile(
  source: Source,
  overrides: EngineOptions['overrides'],
  codes: Map<string, Entry>,
  qualified: Map<string, Entry>,
): Shape {
  const keys = new Map<string, Entry>();
  const byCode = source.byCode ?? looksLikeCode;
  for (const row of source.tables.flat()) {
    const override = overrides?.get(`${row.source}:${row.code}`) ?? overrides?.get(row.code);
    const { retryAfterMs, ...changes } = override ?? {};
    const entry: Entry = {
      row: override === undefined ? row : { ...row, ...changes },
      retryAfterMs,
      wrapper: override === undefined && (source.wrappers?.includes(row.code) ?? false),
      refine: source.refine?.[row.code],
      adjust: source.adjust,
      inner: source.inner,
      keys,
    };
    keys.set(row.code, entry);
    qualified.set(`${row.source}/${row.code}`, entry);
    if (byCode(row.code)) codes.set(row.code, entry);
  }
  for (const [code, key] of Object.entries(source.aliases ?? {})) {
    const entry = keys.get(key);
    if (entry !== undefined) codes.set(code, entry);
  }
  return { source, keys };
}

/** Codes that no row has: found by an error's `code`, and as an HTTP status where they look like one. */
function addCustomCodes(
  overrides: ReadonlyMap<string, Override>,
  sources: readonly Source[],
  shapes: readonly Shape[],
  codes: Map<string, Entry>,
): void {
  const taken = new Set(
    sources.flatMap(({ tables }) =>
      tables.flat().flatMap((row) => [row.code, `${row.source}:${row.code}`]),
    ),
  );
  for (const [key, { retryAfterMs, ...changes }] of overrides) {
    if (taken.has(key)) continue;
    const row: ErrorRow = { ...UNKNOWN, ...changes, source: 'custom', code: key, name: key };
    for (const { source, keys } of shapes) {
      if (source.generalize === undefined || !/^[1-5]\d\d$/.test(key)) continue;
      (keys as Map<string, Entry>).set(key, {
        row,
        retryAfterMs,
        wrapper: false,
        refine: undefined,
        adjust: source.adjust,
        inner: undefined,
        keys,
      });
    }
    codes.set(key, {
      row,
      retryAfterMs,
      wrapper: false,
      refine: undefined,
      adjust: undefined,
      inner: undefined,
      keys: new Map(),
    });
  }
}

/**
 * An `Error` that carries nothing but message and cause. Most errors that wrap another are such, and reading fifty
 * properties that are not there would cost ten times the rest (measured: 340 ns against 30).
 */
function isPlain(error: Fields): boolean {
  const { constructor, name }: { constructor?: unknown; name?: unknown } = error;
  if (constructor !== Error || name !== 'Error') return false;
  for (const _ in error) return false;
  return true;
}

/** The members of an aggregate: of AggregateError by name, of anything else whose `errors` are real errors. */
function membersOf(error: Fields): readonly unknown[] | undefined {
  const errors = error.errors;
  if (errors === undefined)
    return error.errorIndexes === undefined ? undefined : failedReplies(error);
  if (!Array.isArray(errors) || errors.length === 0) return undefined;
  const first: unknown = errors[0];
  return error.name === 'AggregateError' || typeof fieldsOf(first).stack === 'string'
    ? errors
    : undefined;
}

/** node-redis' MultiErrorReply: a MULTI in which some commands failed. */
function failedReplies(error: Fields): readonly unknown[] | undefined {
  const replies = error.replies;
  if (!Array.isArray(replies)) return undefined;
  const failed = replies.filter((reply) => typeof fieldsOf(reply).stack === 'string');
  return failed.length === 0 ? undefined : failed;
}

function nextOf(entry: Entry | undefined, error: Fields): unknown {
  const hidden = entry?.inner?.(error);
  if (hidden !== undefined) return hidden;
  return innerOf(error);
}

/** What stands behind an error: its cause, or what ORMs and clients keep under another name. */
export function innerOf(error: Fields): unknown {
  if (error.cause !== undefined) return error.cause;
  if (error.name === 'SuppressedError') return error.suppressed;
  return error.driverError ?? error.original ?? error.lastNodeError ?? error.originalError;
}

function isWorse(a: Classification, b: Classification): boolean {
  const difference = RETRY_ORDER[a.retryable] - RETRY_ORDER[b.retryable];
  return (
    difference > 0 || (difference === 0 && SEVERITY_ORDER[a.severity] > SEVERITY_ORDER[b.severity])
  );
}

/** The caller's own abort or deadline. It is nobody's failure, and nothing is repeated for a caller who has left. */
function callerGone(error: unknown, signal: AbortSignal): Classification | undefined {
  let timedOut = false;
  try {
    if (!signal.aborted) return undefined;
    const reason = fieldsOf(signal.reason);
    timedOut =
      reason.name === 'TimeoutError' ||
      reason.isTaskCancelledError === true ||
      reason.code === 'EDEADLINE';
  } catch {
    return undefined;
  }
  const category: Category = timedOut ? 'timeout' : 'cancelled';
  return {
    category,
    severity: timedOut ? 'medium' : 'low',
    retryable: 'no',
    breakerFailure: false,
    httpStatus: timedOut ? 504 : 499,
    source: 'app',
    code: timedOut ? 'caller:deadline' : 'caller:aborted',
    error,
  };
}

function unknown(error: unknown): Classification {
  const { category, severity, retryable, breakerFailure, httpStatus } = UNKNOWN;
  if (isObject(error)) return { category, severity, retryable, breakerFailure, httpStatus, error };
  return {
    category,
    severity,
    retryable,
    breakerFailure,
    httpStatus,
    source: 'app',
    code: 'non-Error thrown',
    error,
  };
}

function firstAnswer(rules: readonly GuardedRule[], error: object): Override | undefined {
  for (const rule of rules) {
    const override = rule(error);
    if (override !== undefined) return override;
  }
  return undefined;
}
