import type { ExportedWindow } from '../exported-circuit.ts';
import type { TripWindow } from '../trip-report.ts';
import type { Admission } from './admission.ts';
import type { Circuit } from './circuit.ts';
import { InFlight } from './in-flight.ts';
import type { OutcomeWindow, Tally } from './outcome-window.ts';
import type { Settings } from './settings.ts';
import { windowFor } from './window-for.ts';

/** What the closed state looks at: outcomes in the window, failures in a row, calls that still run. */
export class ClosedPeriod {
  readonly #circuit: Circuit;
  #window: OutcomeWindow;
  #running: InFlight;
  #current: Admission | undefined;
  consecutiveFailures = 0;

  constructor(circuit: Circuit, settings: Settings) {
    this.#circuit = circuit;
    this.#window = windowFor(settings);
    this.#running = new InFlight(circuit, 0, settings.slowCallDuration);
  }

  /** Lets go of the calls that were running; what the window holds stays. */
  begin(generation: number, settings: Settings): void {
    this.#current = undefined;
    this.#running = new InFlight(this.#circuit, generation, settings.slowCallDuration);
  }

  /** Forgets the outcomes. */
  clear(): void {
    this.#window.clear();
    this.consecutiveFailures = 0;
  }

  /** The admission of the calls that start in this tick, or undefined when none has yet. */
  currentAt(now: number): Admission | undefined {
    return this.#current?.startedAt === now ? this.#current : undefined;
  }

  beginTick(now: number, stalled: number): Admission {
    return (this.#current = this.#running.begin(now, stalled));
  }

  /** Whether calls may have become slow since they were last looked at. */
  mayHaveSlowed(now: number): boolean {
    return now >= this.#running.nextDue;
  }

  /** Counts running calls that have become slow; returns whether there are new ones. */
  lookForSlow(now: number, stalled: number): boolean {
    const former = this.#running.overdue;
    this.#running.lookForSlow(now, stalled);
    return this.#running.overdue !== former;
  }

  leave(admission: Admission, isAnswered: boolean): void {
    this.#running.leave(admission, isAnswered);
  }

  record(now: number, failed: boolean, slow: boolean, category: string | undefined): void {
    this.#window.record(now, failed, slow, category);
    this.consecutiveFailures = failed ? this.consecutiveFailures + 1 : 0;
  }

  /** Whether there is nothing that any rule could hold against the dependency. */
  get isSpotless(): boolean {
    const window = this.#window;
    return window.failures === 0 && window.slow === 0 && this.#running.overdue === 0;
  }

  /** The numbers at the time of the last record. */
  get numbers(): TripWindow {
    return this.#numbersOf(this.#window);
  }

  /** The numbers as of `now`; changes nothing. */
  read(now: number): TripWindow {
    return this.#numbersOf(this.#window.read(now));
  }

  expire(now: number): void {
    this.#window.expire(now);
  }

  get categories(): Record<string, number> {
    return this.#window.categories();
  }

  configure(was: Settings, settings: Settings, now: number): void {
    if (JSON.stringify(was.window) !== JSON.stringify(settings.window)) {
      const former = this.#window;
      this.#window = windowFor(settings);
      this.#window.takeOver(now, former);
    }
    if (was.slowCallDuration !== settings.slowCallDuration) {
      this.#running.slowAfter = settings.slowCallDuration;
    }
  }

  exportAt(now: number): ExportedWindow {
    return this.#window.exportAt(now);
  }

  importAt(now: number, exported: ExportedWindow, ageMs: number): void {
    this.#window.importAt(now, exported, ageMs);
  }

  #numbersOf({ calls, failures, slow }: Tally): TripWindow {
    const { overdue: slowInFlight, unanswered } = this.#running;
    const { consecutiveFailures } = this;
    return { calls, failures, slow, slowInFlight, unanswered, consecutiveFailures };
  }
}
