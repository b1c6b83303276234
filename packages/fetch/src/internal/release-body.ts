/** Cancels a body that nobody will read, so that its socket is free again. How that goes is nobody's business. */
export function releaseBody(body: ReadableStream | null | undefined): void {
  if (body === null || body === undefined || body.locked) return;
  body.cancel().catch(() => {});
}
