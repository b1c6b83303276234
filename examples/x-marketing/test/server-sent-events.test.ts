import { describe, expect, it } from 'vitest';
import { serverSentEvents } from '../src/dependencies/server-sent-events.ts';

async function* inPieces(text: string, size: number): AsyncGenerator<Uint8Array, void> {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function read(text: string, size: number): Promise<string[]> {
  const events: string[] = [];
  for await (const data of serverSentEvents(inPieces(text, size))) events.push(data);
  return events;
}

describe('serverSentEvents', () => {
  const stream =
    ': hello\r\n\r\ndata: {"a":"é🙂"}\r\n\r\nid: 1\nevent: x\ndata:two\ndata\ndata:  lines\n\n' +
    'dataset: 1\n\nretry: 5\n\ndata: [DONE]\n\n';

  it.each([1, 2, 3, 7, 1_000])('finds the events in chunks of %i bytes', async (size) => {
    expect(await read(stream, size)).toEqual(['{"a":"é🙂"}', 'two\n\n lines', '[DONE]']);
  });

  it('drops what was cut off', async () => {
    expect(await read('data: one\n\ndata: tw', 4)).toEqual(['one']);
    expect(await read('data: one\n\ndata: two\n', 4)).toEqual(['one']);
  });

  it('fails when an event does not end, instead of keeping it all', async () => {
    await expect(read(`data: ${'x'.repeat(1_200_000)}`, 100_000)).rejects.toThrow(
      'max buffer size',
    );
  });
});
