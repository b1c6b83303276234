import { expect, test } from 'vitest';
import { errorContext } from '../src/index.ts';

const HEAD = 'eyJhbGciOiJIUzI1NiJ9';
const BODY = 'eyJzdWIiOiIxMjM0NTY3ODkwIn0';
const SIGN = 'dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U';

/** What is left of a text in an error's message. */
function redacted(text: string): string {
  return errorContext(new Error(text), { stack: false, maxLength: 10_000 }).message;
}

test.each([
  ['a web token, its signature too', `got ${HEAD}.${BODY}.${SIGN} back`, 'got [redacted] back'],
  ['one without a signature', `got ${HEAD}.${BODY} back`, 'got [redacted] back'],
  ['one after a hyphen', `x-${HEAD}.${BODY}.${SIGN}`, 'x-[redacted]'],
  ['what follows a token in its value', `token=${HEAD}.${BODY}.${SIGN}~WyJ1`, 'token=[redacted]'],
  ['a value that is a URL with credentials', 'password=a://b@c&x=1', 'password=[redacted]&x=1'],
  [
    'a member of a JSON text within another one',
    String.raw`{\"password\":\"hunter2\",\"user\":\"ann\"}`,
    String.raw`{\"password\":[redacted],\"user\":\"ann\"}`,
  ],
  ['a quoted value that was cut off', '{"password":"hunter2 and', '{"password":[redacted]'],
  ['a private key by its name', 'PRIVATE_KEY=abc next', 'PRIVATE_KEY=[redacted] next'],
])('redacts %s', (_what, text, expected) => {
  expect(redacted(text)).toBe(expected);
});
