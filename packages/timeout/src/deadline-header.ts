import {
  type CallContext,
  type Clock,
  type Deadline,
  type DeadlineScope,
  DeadlineExceededError,
  deadline,
  systemClock,
} from '@fournines/core';
import {
  carryDeadline,
  checkNumber,
  checkOneOf,
  checkOptions,
  deadlineAt,
} from '@fournines/core/authoring';
import { type HeadersLike, headerOf } from './internal/header-of.ts';

/** Which protocol's header: `grpc-timeout`, `connect-timeout-ms` or `x-envoy-expected-rq-timeout-ms`. */
export type DeadlineHeaderStyle = 'grpc' | 'connect' | 'envoy';

/** Options of {@link DeadlineHeader.parse}. */
export interface DeadlineHeaderOptions {
  /** The longest time that a caller may ask for, in milliseconds, > 0. Default Infinity. */
  readonly max?: number;
}

/** Options of {@link DeadlineHeader.accept}. */
export interface DeadlineAcceptOptions extends DeadlineHeaderOptions {
  /** The signal, or the context, within which the request is served: its abort and its deadline hold too. */
  readonly parent?: AbortSignal | CallContext;
  /** Where time comes from. Default: the system's monotonic clock. */
  readonly clock?: Clock;
}

/** How a deadline crosses the network: see {@link deadlineHeader}. */
export interface DeadlineHeader {
  /**
   * A header that tells the callee how much time is left, rounded up to what the style can say. A
   * deadline that has passed says 1 ms, because some receivers take 0 for no limit; one that is
   * too far off, or never, says the longest time that the style knows.
   *
   * @param deadline The deadline of the call: `context.deadline`.
   * @param style Whose header.
   * @returns The header's name, in lower case, and its value.
   * @throws TypeError when there is no such style.
   */
  format(deadline: Deadline, style: DeadlineHeaderStyle): [name: string, value: string];
  /**
   * How much time the caller allows, in milliseconds: that of the three headers which is shortest.
   * A malformed header counts as absent. 0 means that the time was up before the request came.
   *
   * @param headers A `Headers`, the headers of a Node request, or a plain record.
   * @returns Milliseconds, or undefined when no header says anything.
   * @throws TypeError or RangeError for a bad option, TypeError for headers that are no object.
   */
  parse(headers: HeadersLike, options?: DeadlineHeaderOptions): number | undefined;
  /**
   * Starts the deadline that the caller allows, `max` at most, which also holds when no header says
   * anything. Work under its signal is not begun when the time was up before the request came: the
   * signal is aborted already, with a `DeadlineExceededError`. Dispose it when the work is done.
   *
   * @param headers A `Headers`, the headers of a Node request, or a plain record.
   * @throws TypeError or RangeError for a bad option, TypeError for headers that are no object.
   */
  accept(headers: HeadersLike, options?: DeadlineAcceptOptions): DeadlineScope;
}

/** One header: its name, how it is read and how it is written. */
interface Style {
  readonly name: string;
  read(text: string): number | undefined;
  write(ms: number): string;
}

const HOUR = 3_600_000;
const MINUTE = 60_000;
const SECOND = 1_000;

/** The units of gRPC, in milliseconds. */
const UNITS: Readonly<Record<string, number>> = {
  H: HOUR,
  M: MINUTE,
  S: SECOND,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};

/** gRPC allows eight digits. */
const GRPC_LONGEST = 99_999_999;
/** Connect allows ten. */
const CONNECT_LONGEST = 9_999_999_999;
/** Envoy names no bound: fifteen digits are a number that every receiver knows exactly. */
const ENVOY_LONGEST = 999_999_999_999_999;

const STYLES: Readonly<Record<DeadlineHeaderStyle, Style>> = {
  // https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
  grpc: { name: 'grpc-timeout', read: readGrpc, write: writeGrpc },
  // https://connectrpc.com/docs/protocol
  connect: {
    name: 'connect-timeout-ms',
    read: (text) => (/^\d{1,10}$/.test(text) ? Number(text) : undefined),
    write: (ms) => String(Math.min(CONNECT_LONGEST, ms)),
  },
  // https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/router_filter
  envoy: {
    name: 'x-envoy-expected-rq-timeout-ms',
    read: (text) => (/^\d{1,15}$/.test(text) ? Number(text) : undefined),
    write: (ms) => String(Math.min(ENVOY_LONGEST, ms)),
  },
};

const STYLE_NAMES = ['grpc', 'connect', 'envoy'] as const;

/**
 * Deadlines on the wire: the time that is left, never a moment, because clocks of two machines
 * differ. The caller formats `context.deadline`; the callee accepts it, with a `max` of its own.
 */
export const deadlineHeader: DeadlineHeader = { format, parse, accept };

function format(until: Deadline, style: DeadlineHeaderStyle): [name: string, value: string] {
  const { name, write } = STYLES[checkOneOf('deadlineHeader: style', style, STYLE_NAMES)];
  return [name, write(Math.max(1, Math.ceil(until.remainingMs)))];
}

function parse(headers: HeadersLike, options: DeadlineHeaderOptions = {}): number | undefined {
  checkOptions('deadlineHeader', options, ['max']);
  return shortestOf(headers, checkMax(options));
}

function accept(headers: HeadersLike, options: DeadlineAcceptOptions = {}): DeadlineScope {
  checkOptions('deadlineHeader', options, ['max', 'parent', 'clock']);
  const max = checkMax(options);
  const { parent, clock = systemClock } = options;
  checkClockAndParent(clock, parent);
  const ms = shortestOf(headers, max) ?? max;
  if (ms > 0) return deadline(ms, parent, { clock });
  const tooLate = AbortSignal.abort(new DeadlineExceededError('deadlineHeader'));
  carryDeadline(tooLate, deadlineAt(clock.now(), clock));
  return deadline(Infinity, tooLate, { clock });
}

function checkClockAndParent(clock: Clock, parent: DeadlineAcceptOptions['parent']): void {
  const { now, setTimeout } = Object(clock) as Partial<Clock>;
  if (typeof now !== 'function' || typeof setTimeout !== 'function') {
    throw new TypeError('deadlineHeader: clock must have now and setTimeout');
  }
  // Null is no signal, as to fetch.
  if (parent === undefined || typeof parent === 'object') return;
  throw new TypeError(
    `deadlineHeader: parent must be an AbortSignal or a context, got ${typeof parent}`,
  );
}

function checkMax({ max = Infinity }: DeadlineHeaderOptions): number {
  return checkNumber('deadlineHeader: max', max, { above: 0, infinity: true });
}

function shortestOf(headers: HeadersLike, max: number): number | undefined {
  if (typeof headers !== 'object' || headers === null) {
    throw new TypeError(
      `deadlineHeader: headers must be a Headers or a record, got ${headers === null ? 'null' : typeof headers}`,
    );
  }
  let shortest: number | undefined;
  for (const style of STYLE_NAMES) {
    const { name, read } = STYLES[style];
    const text = headerOf(headers, name);
    const ms = text === undefined ? undefined : read(text);
    if (ms !== undefined) shortest = Math.min(ms, shortest ?? max);
  }
  return shortest;
}

function readGrpc(text: string): number | undefined {
  const [, digits, unit = ''] = /^(\d{1,8})([HMSmun])$/.exec(text) ?? [];
  const factor = UNITS[unit];
  return factor === undefined ? undefined : Number(digits) * factor;
}

/** The finest unit that eight digits suffice for. */
function writeGrpc(ms: number): string {
  for (const unit of ['m', 'S', 'M']) {
    const amount = Math.ceil(ms / (UNITS[unit] ?? 1));
    if (amount <= GRPC_LONGEST) return `${amount}${unit}`;
  }
  return `${Math.min(GRPC_LONGEST, Math.ceil(ms / HOUR))}H`;
}
