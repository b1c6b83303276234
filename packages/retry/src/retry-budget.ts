import { type Clock, type CommonOptions, systemClock } from '@fournines/core';
import { checkNumber, checkOptions, coarseNow } from '@fournines/core/authoring';
import { BudgetWindow } from './internal/budget-window.ts';

/** How many retries a client may afford. Shared by reference between the policies of one dependency. */
export interface RetryBudget {
  /** A call came in: it earns its share of a retry. */
  deposit(): void;
  /** Takes one retry out of the budget. Returns whether there was one. */
  tryWithdraw(): boolean;
  /** Gives a withdrawn retry back that was never sent. */
  refund(): void;
  /** How many retries it would allow at this moment: whole ones. */
  readonly balance: number;
}

/** Options of {@link retryBudget}. */
export interface RetryBudgetOptions {
  /** How many retries each call earns, 0..1000. 0.2: one retry for five calls. Default 0.2. */
  readonly ratio?: number;
  /** Retries each second that are allowed however few calls there are, >= 0: a quiet client may retry too. Default 10. */
  readonly minPerSecond?: number;
  /** How long a call's share, and a withdrawal, is remembered, in milliseconds, 1 000..60 000. Default 10 000. */
  readonly ttl?: number;
  /** Where time comes from. Default: the system's monotonic clock. */
  readonly clock?: Clock;
}

/**
 * A budget that keeps retries from becoming a storm: when a dependency fails for everybody, its
 * clients add a fifth to its load instead of tripling it. A window of ten buckets, in whole
 * tokens, O(1): Finagle's `RetryBudget`.
 *
 * @throws TypeError or RangeError when an option is out of its bounds or unknown.
 */
export function retryBudget(options: RetryBudgetOptions = {}): RetryBudget {
  checkOptions('retryBudget', options, ['ratio', 'minPerSecond', 'ttl', 'clock']);
  const { ratio = 0.2, minPerSecond = 10, ttl = 10_000 } = options;
  checkNumber('retryBudget: ratio', ratio, { min: 0, max: 1_000 });
  checkNumber('retryBudget: minPerSecond', minPerSecond, { min: 0, max: 1_000_000 });
  checkNumber('retryBudget: ttl', ttl, { min: 1_000, max: 60_000 });
  const window = new BudgetWindow(ratio, minPerSecond, ttl);
  return new WindowedBudget(window, options.clock ?? systemClock);
}

/** Marks our budgets; the same for every installed copy of this package. */
const BRAND = Symbol.for('@fournines/retry/budget');

/** The budget that options ask for: the given one, none, or one of the policy's own. */
export function checkBudget(
  owner: string,
  options: CommonOptions & { readonly budget?: RetryBudget | false },
): RetryBudget | undefined {
  const { budget, clock } = options;
  if (budget === undefined) return retryBudget(clock === undefined ? {} : { clock });
  if (budget === false) return undefined;
  if (isBudget(budget)) return budget;
  throw new TypeError(`${owner}: budget must be a retryBudget(…) or false, got ${typeof budget}`);
}

/** Only a budget of ours: it never throws, and costs a call next to nothing. */
function isBudget(value: unknown): value is RetryBudget {
  return typeof value === 'object' && value !== null && BRAND in value;
}

class WindowedBudget implements RetryBudget {
  readonly #window: BudgetWindow;
  readonly #clock: Clock;

  constructor(window: BudgetWindow, clock: Clock) {
    this.#window = window;
    this.#clock = clock;
    Object.defineProperty(this, BRAND, { value: true });
  }

  get balance(): number {
    return this.#window.balance(coarseNow(this.#clock));
  }

  deposit(): void {
    this.#window.deposit(coarseNow(this.#clock));
  }

  tryWithdraw(): boolean {
    return this.#window.tryWithdraw(coarseNow(this.#clock));
  }

  refund(): void {
    this.#window.refund(coarseNow(this.#clock));
  }
}
