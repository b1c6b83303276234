import type { Event } from './event.ts';

/**
 * Anything that health, metrics, admin routes and the dashboard can show. A component counts in
 * plain integers and is read when somebody looks; it reports nothing by itself.
 */
export interface Component<
  S extends Snapshot = Snapshot,
  E extends ComponentEvent = ComponentEvent,
> {
  /** What it is: `circuit-breaker`, `timeout`, `cache`, … One kind has one set of counts, gauges and events. */
  readonly kind: string;
  /** Its name in metrics, logs and errors. Unnamed components are called `<kind>-<n>`. */
  readonly name: string;
  /** The present state and counts, as a new plain object. Cheap, never throws. */
  snapshot(): S;
  /** Every event of this component, in one subscription. Absent when the kind has no events. */
  readonly onEvent?: Event<E>;
  /** The components that this one is made of: a composition's policies, a keyed group's breakers. */
  parts?(): Iterable<Component>;
  /** What an operator may do to it by name (`reset`, `clear`, …). The input comes from outside and is checked by the action. */
  readonly actions?: Readonly<
    Record<string, (input: Readonly<Record<string, unknown>>) => unknown>
  >;
}

/** What a component looks like at one moment. */
export interface Snapshot {
  /** `up`: works as it should. `degraded`: works, but not as it should. `down`: refuses or cannot work. */
  readonly status: 'up' | 'degraded' | 'down';
  /** The component's own state, where it has one: `open`, `half-open`, … */
  readonly state?: string;
  /** When `state` was entered, in monotonic milliseconds of the component's clock. */
  readonly since?: number;
  /** Monotonic counters since the component was made. A nested record is one metric, split by one label. */
  readonly counts: Readonly<Record<string, number | Readonly<Record<string, number>>>>;
  /** Values that go up and down. */
  readonly gauges?: Readonly<Record<string, number>>;
}

/** What all events of components share. */
export interface ComponentEvent {
  /** Which event: `timeout`, `state-change`, … */
  readonly type: string;
  /** When it happened, in monotonic milliseconds of the component's clock. */
  readonly at: number;
  /** The error that caused it, where one did. */
  readonly error?: unknown;
}

/** The worst status of several: `down` before `degraded` before `up`; `up` when there is none. */
export function worstStatus(components: Iterable<Component>): Snapshot['status'] {
  let worst: Snapshot['status'] = 'up';
  for (const component of components) {
    const { status } = component.snapshot();
    if (status === 'down') return 'down';
    if (status === 'degraded') worst = 'degraded';
  }
  return worst;
}

/** Whether something can be watched: it has a kind, a name and a snapshot. */
export function isComponent(value: object): value is Component {
  return 'kind' in value && 'name' in value && 'snapshot' in value;
}
