import {
  type Clock,
  type CommonOptions,
  type Component,
  type ComponentEvent,
  type Event,
  type Snapshot,
  systemClock,
} from '@fournines/core';
import {
  ComponentEvents,
  RequestWindow,
  checkClock,
  checkName,
  checkNumber,
  checkOptions,
  nextName,
} from '@fournines/core/authoring';

/** Options of {@link deadlineGate}. */
export interface DeadlineGateOptions extends CommonOptions {
  /**
   * The largest share of the requests of the last ten seconds that is refused for coming too late,
   * 0..1. 0 is dark mode: they are counted, and all are let through. 1 refuses each. Default 0.2.
   */
  readonly maxRefusal?: number;
}

/** A request came whose time was up already. */
export interface ExpiredEvent extends ComponentEvent {
  readonly type: 'expired';
  /** Whether it was refused. If not, it is served as if it had named no deadline. */
  readonly refused: boolean;
}

/** What a gate looks like at one moment. */
export interface DeadlineGateSnapshot extends Snapshot {
  readonly counts: {
    /** Requests whose deadline was looked at. */
    readonly requests: number;
    /** Those that came too late. */
    readonly expired: number;
    /** Those of them that were refused. */
    readonly refused: number;
  };
  readonly gauges: {
    /** The share of the last ten seconds' requests that was refused. */
    readonly refusal: number;
  };
}

/** How many of the requests that come too late are refused: see {@link deadlineGate}. */
export interface DeadlineGate extends Component<DeadlineGateSnapshot, ExpiredEvent> {
  readonly onEvent: Event<ExpiredEvent>;
  /** A request came whose time was up already. */
  readonly onExpired: Event<ExpiredEvent>;
  /** @internal Whether a request is refused. Each is to be shown once. */
  refuses(isExpired: boolean): boolean;
}

/** Finagle's: long enough for a rate, short enough to forget a bad client. */
const WINDOW_MS = 10_000;

/**
 * Keeps a caller whose deadlines are wrong, all too short or already spent, from being refused
 * altogether: at most a share of the requests is. With `maxRefusal: 0` it only shows how many it
 * would concern. One gate for each kind of caller, or one for the service; the algorithm is that of
 * Finagle's `DeadlineFilter`, over a window of ten seconds.
 *
 * @throws TypeError or RangeError for an option that is unknown or out of bounds.
 */
export function deadlineGate(options: DeadlineGateOptions = {}): DeadlineGate {
  checkOptions('deadlineGate', options, ['name', 'clock', 'maxRefusal']);
  const { maxRefusal = 0.2 } = options;
  checkNumber('deadlineGate: maxRefusal', maxRefusal, { min: 0, max: 1 });
  const name = checkName('deadlineGate', options.name) ?? nextName('deadline-gate');
  return new Gate(name, checkClock('deadlineGate', options.clock) ?? systemClock, maxRefusal);
}

class Gate implements DeadlineGate {
  readonly kind = 'deadline-gate';
  readonly name: string;
  readonly #clock: Clock;
  readonly #maxRefusal: number;
  readonly #window = new RequestWindow(WINDOW_MS);
  readonly #events: ComponentEvents<ExpiredEvent>;
  #requests = 0;
  #expired = 0;
  #refused = 0;

  readonly onEvent: Event<ExpiredEvent>;
  readonly onExpired: Event<ExpiredEvent>;

  constructor(name: string, clock: Clock, maxRefusal: number) {
    this.name = name;
    this.#clock = clock;
    this.#maxRefusal = maxRefusal;
    this.#events = new ComponentEvents<ExpiredEvent>(this, ['expired']);
    this.onEvent = this.#events.onEvent;
    this.onExpired = this.#events.of('expired');
  }

  refuses(isExpired: boolean): boolean {
    const now = this.#clock.now();
    const window = this.#window;
    window.expire(now);
    const refused = window.requests - window.accepts;
    const isRefused = isExpired && refused + 1 <= this.#maxRefusal * (window.requests + 1);
    window.add(now, !isRefused);
    this.#requests += 1;
    if (!isExpired) return false;
    this.#expired += 1;
    if (isRefused) this.#refused += 1;
    if (this.#events.wants('expired')) {
      this.#events.emit({ type: 'expired', at: now, refused: isRefused });
    }
    return isRefused;
  }

  snapshot(): DeadlineGateSnapshot {
    const { requests, accepts } = this.#window;
    return {
      status: 'up',
      counts: { requests: this.#requests, expired: this.#expired, refused: this.#refused },
      gauges: { refusal: requests === 0 ? 0 : (requests - accepts) / requests },
    };
  }
}
