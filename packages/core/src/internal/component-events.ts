import { type Channel, channel } from 'node:diagnostics_channel';
import type { Component, ComponentEvent } from '../component.ts';
import type { Event } from '../event.ts';
import { Listeners } from './listeners.ts';

/** The events of one type: its listeners and its diagnostics channel. */
interface Lane {
  readonly listeners: Listeners<ComponentEvent>;
  readonly channel: Channel;
}

/**
 * The events of one component. Each event goes to the listeners of its own type, to those of all
 * types and to the `node:diagnostics_channel` channel `fournines:<kind>:<type>`, as
 * `{ component, event }`. Ask {@link wants} before making an event: it costs nothing when nobody
 * listens.
 */
export class ComponentEvents<E extends ComponentEvent> {
  readonly #component: Component;
  readonly #lanes: ReadonlyMap<string, Lane>;
  readonly #all: Listeners<E>;

  /** Every event, in one subscription. */
  readonly onEvent: Event<E> = (listener) => this.#all.add(listener);

  /**
   * @param component Whose events they are: it is what channel subscribers receive.
   * @param types Every type of event that it has.
   */
  constructor(component: Component, types: readonly E['type'][]) {
    this.#component = component;
    this.#all = new Listeners(`${component.kind} onEvent`);
    this.#lanes = new Map(
      types.map((type) => [
        type,
        {
          listeners: new Listeners<ComponentEvent>(`${component.kind} ${type}`),
          channel: channel(`fournines:${component.kind}:${type}`),
        },
      ]),
    );
  }

  /** The events of one type: what a policy offers as `onStateChange` and the like. */
  of<T extends E['type']>(type: T): Event<Extract<E, Readonly<Record<'type', T>>>> {
    const { listeners } = this.#lane(type);
    return (listener) => listeners.add(listener as (event: ComponentEvent) => void);
  }

  /** Whether anybody listens to events of this type. */
  wants(type: E['type']): boolean {
    const lane = this.#lane(type);
    return !lane.listeners.isEmpty || lane.channel.hasSubscribers || !this.#all.isEmpty;
  }

  /** Delivers an event. Never throws. */
  emit(event: E): void {
    const lane = this.#lane(event.type);
    lane.listeners.emit(event);
    this.#all.emit(event);
    if (lane.channel.hasSubscribers) {
      lane.channel.publish({ component: this.#component, event });
    }
  }

  #lane(type: string): Lane {
    const lane = this.#lanes.get(type);
    if (lane === undefined) {
      throw new TypeError(`${this.#component.kind} has no event of type '${type}'`);
    }
    return lane;
  }
}
