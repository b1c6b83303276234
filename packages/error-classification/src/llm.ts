import type { Classifier } from './classification.ts';
import { engine } from './internal/engine.ts';
import { llm } from './sources/llm.ts';

export type {
  Category,
  Classification,
  Classifier,
  Retryable,
  Severity,
} from './classification.ts';
export type { ErrorRow, ErrorTable } from './internal/table.ts';
export { openaiErrors } from './tables/openai.ts';
export { anthropicErrors } from './tables/anthropic.ts';
export { geminiErrors } from './tables/gemini.ts';

/** As `classify`, for OpenAI, Anthropic and Gemini alone: no other table is loaded. */
export const classifyLlm: Classifier = /* @__PURE__ */ engine([llm]);
