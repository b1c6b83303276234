import type { Fleet, FleetMember, FleetOpening, FleetSeat } from '../fleet.ts';

/** Probes elsewhere are waited for no longer than this. */
const LONGEST_LEASE_MS = 30_000;

/** One circuit's tie to its fleet: who probes is decided by a lease, and no call waits for it. */
export class FleetLink {
  readonly #fleet: Fleet;
  readonly #member: FleetMember;
  #seat: FleetSeat;
  #lease: 'held' | 'asked' | undefined;
  /** A lease that was asked for in an earlier state is not one. */
  #round = 0;

  constructor(fleet: Fleet, member: FleetMember) {
    this.#fleet = fleet;
    this.#member = member;
    this.#seat = fleet.join(member);
  }

  /** When to come back while the lease is being asked for, in milliseconds. */
  get deadline(): number {
    return this.#seat.deadline;
  }

  /** A new state: the lease is to be asked for again. */
  begin(): void {
    this.#round += 1;
    this.#lease = undefined;
  }

  /** Whether this process is the one that probes. Asks when it does not know; `onWait` hears of a no. */
  mayProbe(leaseMs: number, onWait: (ms: number) => void): boolean {
    if (this.#lease !== undefined) return this.#lease === 'held';
    this.#lease = 'asked';
    const round = this.#round;
    void this.#seat.lease(Math.min(leaseMs, LONGEST_LEASE_MS)).then((wait) => {
      if (round !== this.#round) return;
      this.#lease = wait === 0 ? 'held' : undefined;
      if (wait > 0) onWait(wait);
    });
    return false;
  }

  opened(opening: FleetOpening): void {
    this.#seat.opened(opening);
  }

  closed(): void {
    this.#seat.closed();
  }

  leave(): void {
    this.#seat.leave();
  }

  /** After it has left. */
  join(): void {
    this.#seat = this.#fleet.join(this.#member);
  }
}
