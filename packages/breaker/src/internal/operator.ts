import type { ExportedCircuit } from '../exported-circuit.ts';
import { isShort } from './circuit-time.ts';
import type { Circuit } from './circuit.ts';
import type { Settings } from './settings.ts';
import { Stalls } from './stalls.ts';

/** What is done to a circuit by hand: isolated, reset, configured, carried to another process. */
export class Operator {
  readonly #circuit: Circuit;

  constructor(circuit: Circuit) {
    this.#circuit = circuit;
  }

  isolate(note: string | undefined): () => void {
    const circuit = this.#circuit;
    const former = circuit.state;
    const release = circuit.isolation.hold(note);
    if (former !== 'isolated') {
      circuit.begin(circuit.phase);
      circuit.announce(former, 'isolated', { note: circuit.isolation.note });
    }
    return () => {
      if (!release()) return;
      if (circuit.phase !== 'closed') return circuit.halfOpen('isolated', 'released');
      circuit.close(0);
      circuit.announce('isolated', 'released');
    };
  }

  /** Closes, clears the window and ends every isolation. */
  reset(): void {
    const circuit = this.#circuit;
    const former = circuit.state;
    circuit.isolation.end();
    circuit.close(0);
    circuit.told?.closed();
    if (former !== 'closed') circuit.announce(former, 'reset');
  }

  /** Takes new settings; the state stays, and so does what the window holds where its kind is the same. */
  configure(settings: Settings): void {
    const circuit = this.#circuit;
    const former = circuit.settings;
    circuit.settings = settings;
    circuit.time.isExact = isShort(settings.slowCallDuration);
    if (settings.ramp === 0) circuit.endRamp();
    circuit.stalls = new Stalls(circuit, circuit.parts.clock, settings.stalls, circuit.stalls);
    circuit.period.configure(former, settings, circuit.time.exact());
  }

  export(): ExportedCircuit {
    const circuit = this.#circuit;
    const now = circuit.time.exact();
    circuit.passRamp();
    const wall = circuit.parts.clock.wall();
    const isClosed = circuit.phase === 'closed';
    const remaining = circuit.phase === 'open' ? circuit.openedAt + circuit.breakMs - now : 0;
    // Infinity is no JSON.
    const openUntil = remaining === Infinity ? null : wall + Math.max(0, remaining);
    return {
      version: 1,
      state: isClosed ? 'closed' : 'open',
      isolated: circuit.isolation.isActive,
      exportedAt: wall,
      ...(isClosed ? {} : { openUntil }),
      openings: circuit.openings,
      consecutiveFailures: circuit.period.consecutiveFailures,
      window: circuit.period.exportAt(now),
    };
  }

  import(exported: ExportedCircuit): void {
    const circuit = this.#circuit;
    const wall = circuit.parts.clock.wall();
    const now = circuit.time.exact();
    circuit.openings = exported.openings;
    circuit.period.consecutiveFailures = exported.consecutiveFailures;
    circuit.period.importAt(now, exported.window, Math.max(0, wall - exported.exportedAt));
    if (exported.state !== 'open') return;
    // Clocks of two machines disagree: no break is longer than it was when it was exported.
    const { openUntil: until = wall } = exported;
    const openUntil = until ?? Infinity;
    const most = Math.max(0, openUntil - exported.exportedAt);
    circuit.stayOpen(Math.min(Math.max(0, openUntil - wall), most));
    circuit.begin('open');
  }
}
