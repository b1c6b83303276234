import type { Clock } from '@fournines/core';
import type { ComponentEvents } from '@fournines/core/authoring';
import type { CircuitBreakerEvent } from '../events.ts';
import type { Fleet } from '../fleet.ts';

/** What a circuit is made of. */
export interface CircuitParts {
  readonly name: string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly events: ComponentEvents<CircuitBreakerEvent>;
  /** The group that it is a member of. */
  readonly home?: CircuitHome | undefined;
  /** The same circuit in other processes. */
  readonly fleet?: Fleet | undefined;
}

/** A group, as a circuit sees it that is one of its members. */
export interface CircuitHome {
  /** What the circuit is called in a fleet, where keys of several groups meet. */
  readonly fleetName: string;
  /** Whether one more may open. */
  mayOpen(): boolean;
  /** One left the closed state, or came back to it. */
  count(change: 1 | -1): void;
  /** It was used: said once in a tick of the coarse clock, when it leaves the closed state, and when it has recovered. */
  used(): void;
}
