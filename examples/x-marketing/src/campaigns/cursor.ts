/** The place in a list, newest first, after which a page begins. */
export interface Cursor {
  readonly createdAt: Date;
  readonly id: string;
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Whether a text is a UUID in its usual form. */
export function isUuid(text: string): boolean {
  return UUID.test(text);
}

/** Makes the opaque form that clients hand back. */
export function encodeCursor({ createdAt, id }: Cursor): string {
  return Buffer.from(`${createdAt.getTime()}.${id}`).toString('base64url');
}

/** Reads the opaque form; `undefined` when it is none of ours. */
export function decodeCursor(text: string): Cursor | undefined {
  const [time = '', id = ''] = Buffer.from(text, 'base64url').toString('latin1').split('.');
  if (!/^\d{1,15}$/.test(time) || !isUuid(id)) return undefined;
  const cursor = { createdAt: new Date(Number(time)), id };
  return encodeCursor(cursor) === text ? cursor : undefined;
}
