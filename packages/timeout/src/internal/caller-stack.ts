/** How many of our own frames may stand between the caller and a stage. */
const OWN_FRAMES = 15;

/** The stack of whoever called `execute`, without our own frames; empty when it cannot be told. */
export function callerStack(): string {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = limit + OWN_FRAMES;
  const holder: { readonly stack?: string } = {};
  Error.captureStackTrace(holder, callerStack);
  Error.stackTraceLimit = limit;
  const frames = (holder.stack ?? '').split('\n').slice(1);
  // The first is ours: those further out may be methods of the caller's own that have this name.
  const execute = frames.findIndex((frame, index) => {
    return index < OWN_FRAMES && /\.execute \(/.test(frame);
  });
  return frames.slice(execute + 1, execute + 1 + limit).join('\n');
}

/** Gives an error the stack of its caller. */
export function setStack(error: Error, frames: string): void {
  Object.defineProperty(error, 'stack', {
    value: `${error.name}: ${error.message}\n${frames}`,
    writable: true,
    configurable: true,
  });
}
