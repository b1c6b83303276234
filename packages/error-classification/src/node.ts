import type { Classifier } from './classification.ts';
import { engine } from './internal/engine.ts';
import { node } from './sources/node.ts';

export type {
  Category,
  Classification,
  Classifier,
  Retryable,
  Severity,
} from './classification.ts';
export type { ErrorRow, ErrorTable } from './internal/table.ts';
export { nodeErrors } from './tables/node.ts';
export { dnsErrors } from './tables/dns.ts';
export { tlsErrors } from './tables/tls.ts';

/** As `classify`, for Node's system errors, DNS and TLS alone: no other table is loaded. */
export const classifyNode: Classifier = /* @__PURE__ */ engine([node]);
