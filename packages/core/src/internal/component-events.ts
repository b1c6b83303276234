import { type Channel, channel } from 'node:diagnostics_channel';
import type { Component, ComponentEvent } from '../component.ts';
import type { Event } from '../event.ts';
import { Listeners } from './listeners.ts';

/** The diagnostics channels of each kind, by type of event: the same for all components of a kind. */
const channelsByKind = new Map<string, Record<string, Channel>>();

/** Where the listeners of all types are kept. */
const ALL = '*';

/**
 * The events of one component. Each event goes to the listeners of its own type, to those of all
 * types and to the `node:diagnostics_channel` channel `fournines:<kind>:<type>`, as
 * `{ component, event }`. Ask {@link wants} before making an event: it costs nothing when nobody
 * listens.
 */
export class ComponentEvents<E extends ComponentEvent> {
  readonly #component: Component;
  readonly #channels: Readonly<Record<string, Channel>>;
  /** By type; made when somebody first listens: of many components, nobody ever does. */
  #listeners: Map<string, Listeners<ComponentEvent>> | undefined;

  /**
   * @param component Whose events they are: it is what channel subscribers receive.
   * @param types Every type of event that it has.
   */
  constructor(component: Component, types: readonly E['type'][]) {
    this.#component = component;
    this.#channels = channelsOf(component.kind, types);
  }

  /** Every event, in one subscription. */
  get onEvent(): Event<E> {
    return (listener) => this.#listenersTo(ALL).add(listener as (event: ComponentEvent) => void);
  }

  /** The events of one type: what a policy offers as `onStateChange` and the like. */
  of<T extends E['type']>(type: T): Event<Extract<E, Readonly<Record<'type', T>>>> {
    this.#channel(type);
    return (listener) => this.#listenersTo(type).add(listener as (event: ComponentEvent) => void);
  }

  /** Whether anybody listens to events of this type. */
  wants(type: E['type']): boolean {
    if (this.#channel(type).hasSubscribers) return true;
    const listeners = this.#listeners;
    if (listeners === undefined) return false;
    return listeners.get(type)?.isEmpty === false || listeners.get(ALL)?.isEmpty === false;
  }

  /** Delivers an event. Never throws. */
  emit(event: E): void {
    const toChannel = this.#channel(event.type);
    this.#listeners?.get(event.type)?.emit(event);
    this.#listeners?.get(ALL)?.emit(event);
    if (toChannel.hasSubscribers) toChannel.publish({ component: this.#component, event });
  }

  #channel(type: string): Channel {
    const found = this.#channels[type];
    if (found === undefined) {
      throw new TypeError(`${this.#component.kind} has no event of type '${type}'`);
    }
    return found;
  }

  #listenersTo(type: string): Listeners<ComponentEvent> {
    const all = (this.#listeners ??= new Map<string, Listeners<ComponentEvent>>());
    let listeners = all.get(type);
    if (listeners === undefined) {
      const event = type === ALL ? 'onEvent' : type;
      listeners = new Listeners<ComponentEvent>(`${this.#component.kind} ${event}`);
      all.set(type, listeners);
    }
    return listeners;
  }
}

function channelsOf(kind: string, types: readonly string[]): Readonly<Record<string, Channel>> {
  let channels = channelsByKind.get(kind);
  if (channels === undefined) {
    channels = Object.create(null) as Record<string, Channel>;
    channelsByKind.set(kind, channels);
  }
  for (const type of types) channels[type] ??= channel(`fournines:${kind}:${type}`);
  return channels;
}
