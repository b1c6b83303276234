import { createParser } from 'eventsource-parser';

/** An event that is longer is no text of a post: 1 MB of characters. */
const LONGEST_EVENT = 1_000_000;

/**
 * The data of each server-sent event, however the chunks cut them. An event without its blank line
 * at the end is dropped, as the HTML standard says.
 */
export async function* serverSentEvents(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<string, void> {
  const decoder = new TextDecoder();
  let events: string[] = [];
  const parser = createParser({
    onEvent: ({ data }) => events.push(data),
    maxBufferSize: LONGEST_EVENT,
  });
  for await (const chunk of chunks) {
    parser.feed(decoder.decode(chunk, { stream: true }));
    yield* events;
    events = [];
  }
}
