import type { FleetOpening } from '../fleet.ts';

/** What processes tell each other: a circuit opened, or, without `opening`, it closed. */
export interface FleetMessage {
  /** Which process. */
  readonly by: string;
  /** Which breaker. */
  readonly name: string;
  /** When, in milliseconds by Redis' clock. */
  readonly at: number;
  readonly opening?: FleetOpening;
}

/** JSON has no Infinity: the break of a circuit that stays open for good travels as null. */
const FOR_GOOD = null;

/** What goes over the wire. An error stays in its process: it may hold anything. */
export function messageText({ by, name, at, opening }: FleetMessage): string {
  if (opening === undefined) return JSON.stringify({ by, name, at });
  const { error: _error, ...trip } = opening.trip;
  const breakMs = opening.breakMs === Infinity ? FOR_GOOD : opening.breakMs;
  return JSON.stringify({ by, name, at, opening: { ...opening, breakMs, trip } });
}

/** Reads what came over the wire; undefined for anything that is no such message. */
export function parseMessage(text: string): FleetMessage | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { by, name, at, opening } = (value ?? {}) as Partial<FleetMessage>;
  if (typeof by !== 'string' || typeof name !== 'string' || typeof at !== 'number')
    return undefined;
  if (opening === undefined) return { by, name, at };
  if (typeof opening !== 'object' || opening === null) return undefined;
  const { breakMs } = opening as { readonly breakMs: unknown };
  const read = { ...opening, breakMs: breakMs === FOR_GOOD ? Infinity : breakMs };
  return isOpening(read) ? { by, name, at, opening: read } : undefined;
}

function isOpening(value: unknown): value is FleetOpening {
  const { breakMs, openings, trip } = (value ?? {}) as Partial<FleetOpening>;
  return (
    typeof breakMs === 'number' &&
    breakMs >= 0 &&
    Number.isInteger(openings) &&
    typeof trip?.inequality === 'string' &&
    typeof trip.window === 'object' &&
    trip.window !== null &&
    typeof trip.failures === 'object' &&
    trip.failures !== null
  );
}
