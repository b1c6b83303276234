import { type Fields, nameOf, text } from '../internal/fields.ts';
import type { Source } from '../internal/source.ts';
import { ioredisErrors } from '../tables/ioredis.ts';
import { nodeRedisErrors } from '../tables/node-redis.ts';
import { redisErrors } from '../tables/redis.ts';

/** Classes of ioredis and node-redis for an error that the server sent. */
const REPLY_CLASSES = new Set([
  'ReplyError',
  'ErrorReply',
  'SimpleError',
  'BlobError',
  'MultiErrorReply',
]);
/** First words that other people's errors may start with, too: they count only with proof that Redis spoke. */
const AMBIGUOUS = new Set(['MOVED', 'ASK', 'LOADING', 'OOM', 'BUSY', 'DENIED', 'REDIRECT']);
const PROOF = /edis\b|^OOM command not allowed|^(?:MOVED|ASK|REDIRECT) (?:\d+ )?\S+:\d+$/;

const REPLIES = new Set(redisErrors.map((row) => row.code));
const ERR_REPLIES = redisErrors.map((row) => row.code).filter((code) => code.startsWith('ERR '));
const CLASSES = new Set(
  [...ioredisErrors, ...nodeRedisErrors]
    .map((row) => row.code)
    .filter((code) => !code.includes(':')),
);
const MESSAGES = new Map(
  ioredisErrors.flatMap(({ code }) =>
    code.startsWith('msg:') ? [[code.slice('msg:'.length), code] as const] : [],
  ),
);
/** Messages that go on after this. */
const LONGER = ['msg:Too many Cluster redirections', 'msg:Socket timeout.'] as const;
const ABORTED = 'AbortError:Command aborted due to connection close';

/** Redis and Valkey, ioredis and node-redis. */
export const redis: Source = {
  tables: [redisErrors, ioredisErrors, nodeRedisErrors],
  byCode: (key) => REPLIES.has(key) && !AMBIGUOUS.has(key) && !key.includes(' '),
  match(error) {
    const name = nameOf(error);
    if (CLASSES.has(name)) return name;
    if (name === 'SocketTimeoutDuringMaintenanceError')
      return 'CommandTimeoutDuringMaintenanceError';
    const message = text(error.message);
    // ioredis' AbortError is the connection's end, not somebody's cancellation.
    if (name === 'AbortError' && message.startsWith('Command aborted due to connection close'))
      return ABORTED;
    return REPLY_CLASSES.has(name) ? reply(error, message) : undefined;
  },
  message(message) {
    // Replies begin with a word in capitals; almost no other message has two of them in front.
    if (isCapital(message.charCodeAt(0)) && isCapital(message.charCodeAt(1)))
      return unprovenReply(message);
    return (
      MESSAGES.get(message) ?? LONGER.find((key) => message.startsWith(key.slice('msg:'.length)))
    );
  },
};

/** A reply that a Redis client has marked as such. */
function reply(error: Fields, message: string): string | undefined {
  return AMBIGUOUS.has(text(error.code)) ? text(error.code) : replyKey(message);
}

/** A message that reads like a reply. */
function unprovenReply(message: string): string | undefined {
  const key = replyKey(message);
  return key !== undefined && AMBIGUOUS.has(key) && !PROOF.test(message) ? undefined : key;
}

function replyKey(message: string): string | undefined {
  if (message.startsWith('ERR ')) {
    const lower = message.toLowerCase();
    return ERR_REPLIES.find((key) => lower.startsWith(key.toLowerCase()));
  }
  const space = message.indexOf(' ');
  const word = space === -1 ? message : message.slice(0, space);
  return REPLIES.has(word) ? word : undefined;
}

function isCapital(char: number): boolean {
  return char >= 65 && char <= 90;
}
