/**
 * Makes an error without walking the stack: about 0.3 µs instead of 1 to 6 µs. A refusal is made
 * at the moment of overload, by the thousand, and its stack would show this library.
 */
export function withoutStack<E extends Error>(make: () => E): E {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return make();
  } finally {
    Error.stackTraceLimit = limit;
  }
}
