import type { Fleet, FleetMember, FleetOpening, FleetSeat } from '../fleet.ts';

/** Probes elsewhere are waited for no longer than this. */
const LONGEST_LEASE_MS = 30_000;

/** A lease is first asked for so many times the deadline: time for the next call to use it. */
const FIRST_LEASE = 4;

/**
 * One circuit's tie to its fleet: who probes is decided by a lease, and no call waits for it. The
 * call that asks is refused, and the next one uses the answer. A lease is short until a probe uses
 * it, ends by time here as it does in Redis, and is given back when the probes have decided.
 *
 * A lease that no call came to use is asked for once more, for the longest time. A process whose
 * calls come more rarely than that probes without: else it would ask for ever.
 */
export class FleetLink {
  readonly #fleet: Fleet;
  readonly #member: FleetMember;
  #seat: FleetSeat;
  #isAsking = false;
  /** By the fleet's clock; so is the next. 0 for a lease that is not held. */
  #heldUntil = 0;
  /** Until when another one probes. */
  #waitUntil = 0;
  /** Leases in a row that ended unused. */
  #unused = 0;
  /** A lease that was asked for in an earlier state is not one. */
  #round = 0;

  constructor(fleet: Fleet, member: FleetMember) {
    this.#fleet = fleet;
    this.#member = member;
    this.#seat = fleet.join(member);
  }

  /** How old news may be that is still fresh, in milliseconds. */
  get deadline(): number {
    return this.#seat.deadline;
  }

  /** When to come back for one that may not probe, in milliseconds. */
  get retryAfterMs(): number {
    const wait = this.#waitUntil - this.#seat.now();
    return wait > 0 ? wait : this.#seat.deadline;
  }

  /** A new state. The lease goes with the probes, and ends with them. */
  begin(state: 'closed' | 'open' | 'half-open'): void {
    this.#unused = 0;
    if (state === 'half-open') return;
    this.#round += 1;
    if (this.#heldUntil > 0) void this.#seat.giveBack();
    this.#heldUntil = 0;
    this.#waitUntil = 0;
    this.#isAsking = false;
  }

  /** Whether this process is the one that probes. Asks when it does not know; `onWait` hears of a no. */
  mayProbe(onWait: (ms: number) => void): boolean {
    if (this.#seat.isAlone) return true;
    const now = this.#seat.now();
    if (now < this.#heldUntil) return true;
    if (this.#isAsking || now < this.#waitUntil) return false;
    if (this.#heldUntil > 0) this.#unused += 1;
    this.#heldUntil = 0;
    const ms = this.#unused === 0 ? this.#seat.deadline * FIRST_LEASE : LONGEST_LEASE_MS;
    this.#ask(now, Math.min(ms, LONGEST_LEASE_MS), onWait);
    if (this.#unused < 2) return false;
    this.#heldUntil = now + ms;
    return true;
  }

  /** A probe goes out that may take so long. */
  probes(leaseMs: number): void {
    if (this.#seat.isAlone) return;
    this.#unused = 0;
    const until = this.#seat.now() + Math.min(leaseMs, LONGEST_LEASE_MS);
    if (until <= this.#heldUntil || this.#isAsking) return;
    this.#heldUntil = until;
    const round = this.#round;
    void this.#seat.prolong(until - this.#seat.now()).then((isHeld) => {
      if (!isHeld && round === this.#round) this.#heldUntil = 0;
    });
  }

  opened(opening: FleetOpening): void {
    this.#seat.opened(opening);
  }

  closed(): void {
    this.#seat.closed();
  }

  leave(): void {
    this.begin('closed');
    this.#seat.leave();
  }

  /** After it has left. */
  join(): void {
    this.#seat = this.#fleet.join(this.#member);
  }

  /** The lease counts from before it was asked for: it never lasts longer here than in Redis. */
  #ask(now: number, ms: number, onWait: (ms: number) => void): void {
    this.#isAsking = true;
    const round = this.#round;
    const seat = this.#seat;
    void seat.lease(ms).then((wait) => {
      if (round !== this.#round) {
        // Nobody here wants it any more.
        if (wait === 0 && !this.#isAsking && this.#heldUntil === 0) void seat.giveBack();
        return;
      }
      this.#isAsking = false;
      if (wait === 0) {
        this.#heldUntil = Math.max(this.#heldUntil, now + ms);
        return;
      }
      this.#heldUntil = 0;
      this.#waitUntil = seat.now() + wait;
      onWait(wait);
    });
  }
}
