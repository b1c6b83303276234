import { channel } from 'node:diagnostics_channel';
import type { Component } from '@fournines/core';
import { ComponentEvents } from '@fournines/core/authoring';
import type { CircuitBreakerEvent } from '../events.ts';

/** Those that somebody may have subscribed to before any breaker has a listener. */
const channels = {
  'state-change': channel('fournines:circuit-breaker:state-change'),
  reject: channel('fournines:circuit-breaker:reject'),
  withheld: channel('fournines:circuit-breaker:withheld'),
} as const;

/** A breaker's events, made when somebody first listens: a group may have thousands of breakers. */
export class BreakerEvents {
  readonly #component: Component;
  #events: ComponentEvents<CircuitBreakerEvent> | undefined;

  constructor(component: Component) {
    this.#component = component;
  }

  get events(): ComponentEvents<CircuitBreakerEvent> {
    this.#events ??= new ComponentEvents<CircuitBreakerEvent>(this.#component, [
      'state-change',
      'reject',
      'withheld',
    ]);
    return this.#events;
  }

  wants(type: CircuitBreakerEvent['type']): boolean {
    return this.#events === undefined ? channels[type].hasSubscribers : this.#events.wants(type);
  }

  emit(event: CircuitBreakerEvent): void {
    this.events.emit(event);
  }
}
