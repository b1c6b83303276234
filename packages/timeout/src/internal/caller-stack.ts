/** How many frames of the library, and of the caller, are looked at. */
const FRAMES = 32;

/**
 * The stack below the outermost `execute` that is on it: who made the call. The frames above are
 * this library's own.
 */
export function callerStack(): string {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = FRAMES;
  const holder: { stack?: string } = {};
  try {
    Error.captureStackTrace(holder, callerStack);
  } finally {
    Error.stackTraceLimit = limit;
  }
  const frames = (holder.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  const entry = frames.findIndex((frame) => /[. ]execute \(/.test(frame));
  return frames.slice(entry + 1).join('\n');
}
