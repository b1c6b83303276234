import type { FleetOpening } from '../fleet.ts';

/** What processes tell each other: a circuit opened, or, without `opening`, it closed. */
export interface FleetMessage {
  /** Which process. */
  readonly by: string;
  /** Which breaker. */
  readonly name: string;
  readonly opening?: FleetOpening;
}

/** Reads what came over the wire; undefined for anything that is no such message. */
export function parseMessage(text: string): FleetMessage | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { by, name, opening } = (value ?? {}) as Partial<FleetMessage>;
  if (typeof by !== 'string' || typeof name !== 'string') return undefined;
  if (opening === undefined) return { by, name };
  return isOpening(opening) ? { by, name, opening } : undefined;
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
