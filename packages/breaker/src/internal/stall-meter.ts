/** What the meter watches for: it runs while something is in flight. */
export interface Watched {
  readonly inFlight: number;
}

const PERIOD_MS = 20;
/** A heartbeat later than this says that the event loop stood still. */
const STALL_MS = 50;

const watched = new Set<Watched>();
let heartbeat: NodeJS.Timeout | undefined;
let lastBeat = 0;
let stalled = 0;

/** Keeps the heartbeat going while `circuit` has calls in flight. It keeps no process alive. */
export function watchStalls(circuit: Watched): void {
  watched.add(circuit);
  if (heartbeat !== undefined) return;
  lastBeat = performance.now();
  heartbeat = setInterval(beat, PERIOD_MS).unref();
}

/** For how many milliseconds in total the event loop has stood still while it was watched, up to now. */
export function stalledMs(): number {
  return heartbeat === undefined ? stalled : stalled + lateness();
}

/** The part of a stall that the heartbeat has not seen yet: whoever runs first after it asks first. */
function lateness(): number {
  const late = performance.now() - lastBeat - PERIOD_MS;
  return late > STALL_MS ? late : 0;
}

function beat(): void {
  stalled += lateness();
  lastBeat = performance.now();
  for (const circuit of watched) if (circuit.inFlight === 0) watched.delete(circuit);
  if (watched.size > 0) return;
  clearInterval(heartbeat);
  heartbeat = undefined;
}
