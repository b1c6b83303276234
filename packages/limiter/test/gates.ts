/** A promise that a test settles by hand. */
export interface Gate {
  readonly promise: Promise<unknown>;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

export function gate(): Gate {
  return Promise.withResolvers<unknown>();
}

export function gates(count: number): Gate[] {
  return Array.from({ length: count }, gate);
}

/** How a promise stands, readable without waiting for it. */
export interface Settled {
  state: 'pending' | 'fulfilled' | 'rejected';
  outcome: unknown;
}

export function settled(promise: Promise<unknown>): Settled {
  const result: Settled = { state: 'pending', outcome: undefined };
  promise.then(
    (value) => Object.assign(result, { state: 'fulfilled', outcome: value }),
    (error: unknown) => Object.assign(result, { state: 'rejected', outcome: error }),
  );
  return result;
}
