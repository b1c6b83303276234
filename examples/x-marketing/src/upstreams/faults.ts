/** What a sample server can be told to do instead of answering. */
export const FAULT_MODES = [
  'ok',
  'slow',
  'slow-body',
  'hang',
  'reset',
  'cut',
  'error',
  'rate-limit',
  'garbage',
] as const;

/** One of {@link FAULT_MODES}. */
export type FaultMode = (typeof FAULT_MODES)[number];

/** A fault as it is in force. */
export interface Fault {
  readonly mode: FaultMode;
  /** Status of `error`. */
  readonly status: number;
  /** Delay of `slow` and `slow-body`, in milliseconds. */
  readonly delayMs: number;
  /** The `Retry-After` of `error` and `rate-limit`, in seconds; `undefined`: the server's own way. */
  readonly retryAfter: number | undefined;
  /** Requests it still applies to; `undefined`: until told otherwise. */
  readonly count: number | undefined;
}

const NONE: Fault = {
  mode: 'ok',
  status: 500,
  delayMs: 1_000,
  retryAfter: undefined,
  count: undefined,
};

/** The fault switch of a sample server. */
export interface FaultSwitch {
  readonly current: Fault;
  /** Sets the fault that a request body names, or says why it cannot. */
  set(body: unknown): string | undefined;
  /** The fault for the next request; counts it. */
  take(): Fault;
}

/** Makes a fault switch that is off. */
export function faultSwitch(): FaultSwitch {
  let current = NONE;
  return {
    get current() {
      return current;
    },
    set(body) {
      const read = readFault(body);
      if (typeof read === 'string') return read;
      current = read;
      return undefined;
    },
    take() {
      const taken = current;
      if (taken.count !== undefined) {
        current = taken.count > 1 ? { ...taken, count: taken.count - 1 } : NONE;
      }
      return taken;
    },
  };
}

function readFault(body: unknown): Fault | string {
  if (typeof body !== 'object' || body === null) return 'the body must be a JSON object';
  const {
    mode,
    status = NONE.status,
    delayMs = NONE.delayMs,
    retryAfter,
    count,
  } = body as Record<string, unknown>;
  const known = FAULT_MODES.find((candidate) => candidate === mode);
  if (known === undefined) return `mode must be one of ${FAULT_MODES.join(', ')}`;
  if (!isWhole(status, 400, 599)) return 'status must be a whole number from 400 to 599';
  if (!isWhole(delayMs, 0, 600_000)) return 'delayMs must be a whole number from 0 to 600000';
  if (retryAfter !== undefined && !isWhole(retryAfter, 0, 86_400)) {
    return 'retryAfter must be a whole number from 0 to 86400';
  }
  if (count !== undefined && !isWhole(count, 1, 1_000_000)) {
    return 'count must be a whole number from 1 to 1000000';
  }
  return { mode: known, status, delayMs, retryAfter, count };
}

function isWhole(value: unknown, min: number, max: number): value is number {
  return Number.isInteger(value) && Number(value) >= min && Number(value) <= max;
}
