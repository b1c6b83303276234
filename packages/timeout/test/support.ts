/** A promise that a test settles. */
export interface Gate<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(error: unknown): void;
}

export function gate<T = void>(): Gate<T> {
  return Promise.withResolvers<T>();
}

/** What has become of a promise so far. */
export interface Settled<T> {
  state: 'pending' | 'resolved' | 'rejected';
  value?: T;
  error?: unknown;
}

/** Watches a promise, so that its rejection is handled and its state can be read. */
export function settled<T>(promise: Promise<T>): Settled<T> {
  const result: Settled<T> = { state: 'pending' };
  promise.then(
    (value) => Object.assign(result, { state: 'resolved', value }),
    (error: unknown) => Object.assign(result, { state: 'rejected', error }),
  );
  return result;
}
