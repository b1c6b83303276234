import type { ExportedWindow } from '../exported-circuit.ts';

/** The numbers of a window. */
export interface Tally {
  readonly calls: number;
  readonly failures: number;
  readonly slow: number;
}

/** What a circuit remembers of its settled calls, in bounded memory and constant time. */
export interface OutcomeWindow extends Tally {
  /** Adds an outcome, after dropping what is too old. */
  record(now: number, failed: boolean, slow: boolean, category: string | undefined): void;
  /** Drops what is too old. */
  expire(now: number): void;
  /** The numbers as of `now`; changes nothing. */
  read(now: number): Tally;
  /** Failures by category as of the last record. */
  categories(): Record<string, number>;
  clear(): void;
  exportAt(now: number): ExportedWindow;
  /** Fills an empty window with what a former one of its kind held, categories included. One of another kind is left out. */
  takeOver(now: number, former: OutcomeWindow): void;
  /** Fills an empty window with what another process exported `ageMs` ago. One of another kind is left out. */
  importAt(now: number, exported: ExportedWindow, ageMs: number): void;
}
