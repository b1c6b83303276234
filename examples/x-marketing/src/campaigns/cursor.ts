/** The last campaign of a page. */
export interface Cursor {
  readonly createdAt: string;
  readonly id: string;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** A cursor as clients carry it: opaque to them. */
export function encodeCursor({ createdAt, id }: Cursor): string {
  return Buffer.from(`${createdAt}|${id}`).toString('base64url');
}

/** Reads a cursor; undefined when it is not one of ours. */
export function decodeCursor(text: string): Cursor | undefined {
  const [createdAt, id, ...rest] = Buffer.from(text, 'base64url').toString('utf8').split('|');
  if (createdAt === undefined || id === undefined || rest.length > 0) return undefined;
  const isTime = !Number.isNaN(Date.parse(createdAt));
  return isTime && UUID.test(id) ? { createdAt, id } : undefined;
}
