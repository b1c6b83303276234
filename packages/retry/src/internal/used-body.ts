/** What `fetch` says of a body that an earlier attempt has used up. */
const MESSAGES = [
  'Body is unusable',
  'body object should not be disturbed or locked',
  'Request object that has already been used',
];

/** Whether a request failed because its body was used up before: by an attempt that was sent. Repeating cannot help. */
export function isUsedBody(error: unknown): boolean {
  if (!(error instanceof TypeError)) return false;
  const { message } = error;
  return typeof message === 'string' && MESSAGES.some((part) => message.includes(part));
}
