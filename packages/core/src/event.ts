import type { IDisposable } from 'cockatiel';

/**
 * Subscribes a listener; what it returns ends the subscription, by `dispose()` or by `using`.
 * A listener that throws is reported once as a process warning and hurts nobody.
 * Assignable to cockatiel's `Event`.
 */
export type Event<T> = (listener: (event: T) => void) => IDisposable & Disposable;
