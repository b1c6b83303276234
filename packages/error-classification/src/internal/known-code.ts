/** Whether a row's key may leave the process: a code, not some library's message or the user's own name for a row. */
export function isKnownCode(source: string | undefined, code: string): boolean {
  return source !== undefined && /^[\w.:*#/+-]{1,64}$/.test(code) && !code.startsWith('msg:');
}
