/** How a dependency does. */
export interface DependencyHealth {
  readonly status: 'up' | 'degraded' | 'down';
  /** Whether the service's main work needs it. */
  readonly critical: boolean;
}

/** 0 normal; 1 one optional dependency out; 2 two or more, or a critical one; 3 cannot do its work. */
export function healthLevel(
  isReady: boolean,
  dependencies: readonly DependencyHealth[],
): 0 | 1 | 2 | 3 {
  const out = dependencies.filter(({ status }) => status === 'down');
  if (!isReady || (out.length > 0 && out.length === dependencies.length)) return 3;
  if (out.length >= 2 || out.some(({ critical }) => critical)) return 2;
  return out.length === 1 ? 1 : 0;
}
