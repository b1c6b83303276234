const counters = new Map<string, number>();

/** The name of an unnamed component: `<kind>-<n>`, counted per kind from 1. */
export function nextName(kind: string): string {
  const n = (counters.get(kind) ?? 0) + 1;
  counters.set(kind, n);
  return `${kind}-${n}`;
}
