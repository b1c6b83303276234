import type { Attempt } from '@fournines/core/authoring';
import type { RetryBudget } from '../retry-budget.ts';

/**
 * Pays a policy's calls into its budget. A call that a stage further out has paid in for already,
 * into the same budget, does not earn its share twice.
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
    if (this.#feeds) this.#budget.deposit();
  }

  #look(attempt: Attempt, index: number): void {
    const outer = attempt.pipeline.stages.slice(0, index);
    this.#pipeline = attempt.pipeline;
    this.#index = index;
    this.#feeds = !outer.some(
      (stage) => (stage as { readonly budget?: unknown }).budget === this.#budget,
    );
  }
}
