import { type Attempt, type Stage, startingAttempts } from '@fournines/core/authoring';
import type { RetryBudget } from '../retry-budget.ts';

/**
 * Pays a policy's calls into its budget. A call that a policy further out has paid in for already,
 * into the same budget, does not earn its share twice, nor does each of its attempts: not in one
 * chain, nor where cockatiel's `wrap` starts the policy inside of the other.
 */
export class BudgetFeed {
  readonly #budget: RetryBudget;
  /** The chain that was looked at last, and what came of it: most policies live in one. */
  #pipeline: Attempt['pipeline'] | undefined;
  #index = 0;
  #feeds = true;

  constructor(budget: RetryBudget) {
    this.#budget = budget;
  }

  deposit(attempt: Attempt, index: number): void {
    if (attempt.pipeline !== this.#pipeline || index !== this.#index) this.#look(attempt, index);
    if (!this.#feeds) return;
    const starting = startingAttempts();
    if (starting.length === 0 || !this.#isPaidBy(starting)) this.#budget.deposit();
  }

  #look({ pipeline }: Attempt, index: number): void {
    this.#pipeline = pipeline;
    this.#index = index;
    const further = [...pipeline.outside, ...pipeline.stages.slice(0, index)];
    this.#feeds = !further.some((stage) => this.#isFedBy(stage));
  }

  #isPaidBy(starting: readonly Attempt[]): boolean {
    return starting.some(({ pipeline }) => pipeline.stages.some((stage) => this.#isFedBy(stage)));
  }

  #isFedBy(stage: Stage): boolean {
    return (stage as { readonly budget?: unknown }).budget === this.#budget;
  }
}
