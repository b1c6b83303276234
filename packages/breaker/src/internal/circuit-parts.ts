import type { Clock } from '@fournines/core';
import type { Fleet } from '../fleet.ts';
import type { BreakerEvents } from './breaker-events.ts';

/** What a circuit is made of. */
export interface CircuitParts {
  readonly name: string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly events: BreakerEvents;
  /** Who limits how many circuits of a group may be open. */
  readonly gate?: OpenGate | undefined;
  /** The same circuit in other processes. */
  readonly fleet?: Fleet | undefined;
}

/** Limits how many circuits of a group may be open at the same time. */
export interface OpenGate {
  /** Whether one more may open. */
  mayOpen(): boolean;
  /** One left the closed state, or came back to it. */
  count(change: 1 | -1): void;
}
