import { describe, expect, it } from 'vitest';
import { decodeCursor, encodeCursor } from '../src/campaigns/cursor.ts';

const cursor = {
  createdAt: new Date('2026-01-02T03:04:05.678Z'),
  id: '8f1931a2-a7e2-4a0a-b1c5-f5ebdd3e85bc',
};

describe('cursor', () => {
  it('comes back as it was', () => {
    expect(decodeCursor(encodeCursor(cursor))).toEqual(cursor);
  });

  it.each(['', 'abc', `${encodeCursor(cursor)}A`, Buffer.from('1.2').toString('base64url')])(
    'refuses %j',
    (text) => {
      expect(decodeCursor(text)).toBeUndefined();
    },
  );
});
