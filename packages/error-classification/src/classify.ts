import type { Classifier } from './classification.ts';
import { engine } from './internal/engine.ts';
import { allSources } from './sources/all.ts';

/**
 * Says what an error means: category, severity, whether to repeat it, whether its dependency is to blame, and what to
 * answer. Looks through causes (ten deep) and aggregates; reads codes first, then statuses, then names and messages.
 * An aborted `signal`, the caller's, makes everything `cancelled` (or `timeout`, when time ran out), not retryable and
 * nobody's failure. Never throws.
 */
export const classify: Classifier = /* @__PURE__ */ engine(allSources);
